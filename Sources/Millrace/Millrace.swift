/// Everything that a job needs: `import Millrace`.
@_exported public import JobRunner
@_exported public import LogModel
@_exported public import Streams
