import Foundation
import Testing

/// Compares what the word count wrote with what awk, tr and sort make of the same text.
struct WordCountCheck {
    /// Where the log lies.
    let data: String
    /// For files in between.
    let folder: TemporaryFolder

    /// Expects each word's updates to be 1, 2, … n, in that order, and n to be what the text says.
    func expectCounts(of text: URL) throws {
        let counts = folder.path("counts")
        let consume = try Millrace.shell(
            """
            '\(Millrace.executable.path)' consume word-counts --data '\(data)' --until-end \
                --isolation read_committed --value int64 --format '%k\\t%s\\n' > '\(counts)'
            """
        )
        #expect(consume.status == 0, "\(consume.errors)")
        let wrong = try Millrace.shell("awk -F '\\t' '$2 != ++n[$1]' '\(counts)' | head -n 3")
        #expect(wrong.output == "")
        let difference = try Millrace.shell(
            """
            export LC_ALL=C
            tr A-Z a-z < '\(text.path)' | tr -cs "a-z'" '\\n' | grep . | sort | uniq -c \
                | awk '{ print $2 "\\t" $1 }' > '\(counts).expected'
            awk -F '\\t' '{ n[$1] = $2 } END { for (w in n) print w "\\t" n[w] }' '\(counts)' \
                | sort | diff - '\(counts).expected' | head -n 5
            """
        )
        #expect(difference.output == "")
    }

    /// The King James text where it is at hand, a smaller text of our own otherwise.
    func makeText() throws -> URL {
        let source = Millrace.shared.appending(path: "data/kjv.txt.gz")
        let text = folder.url.appending(path: "text")
        if FileManager.default.fileExists(atPath: source.path) {
            let outcome = try Millrace.shell("gzip -dc '\(source.path)' > '\(text.path)'")
            #expect(outcome.status == 0)
            return text
        }
        print("SKIPPED: the King James text needs ../shared; the documents are counted instead")
        _ = try Millrace.shell("cat README.md docs/*.md docs/*/*.md > '\(text.path)'")
        return text
    }
}
