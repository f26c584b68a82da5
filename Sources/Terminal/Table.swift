/// Rows in aligned columns, for people and for `awk` alike.
package struct Table: Sendable {
    package enum Alignment: Sendable {
        case left
        case right
    }

    private var columns: [(title: String, alignment: Alignment)]
    private var rows: [[String]] = []

    package init(_ columns: (title: String, alignment: Alignment)...) {
        self.columns = columns
    }

    /// Adds a row of as many cells as there are columns. Names come from outside: what a terminal
    /// would obey is shown escaped.
    package mutating func add(_ cells: String...) {
        precondition(cells.count == columns.count)
        rows.append(cells.map { visible($0) })
    }

    /// The title line and the rows, each ended by a line feed.
    package var text: String {
        let lines = [columns.map(\.title)] + rows
        let widths = columns.indices.map { column in
            lines.map { $0[column].count }.max() ?? 0
        }
        return lines.map { cells in
            var line = ""
            for (column, cell) in cells.enumerated() {
                let space = String(repeating: " ", count: widths[column] - cell.count)
                if column > 0 { line += "  " }
                line += columns[column].alignment == .left ? cell + space : space + cell
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }
}
