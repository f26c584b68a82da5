// A job that imports this module names serdes and JSON types in its topics.
@_exported public import JSON
@_exported public import Serdes
