/// What this log says of a topic's option that it has at its default alone, to who asks for
/// documentation: as `read-only` Kafka's clients would take it for something else.
package let fixedOptionDocumentation =
    "This log does not have the option, and takes its default alone."
