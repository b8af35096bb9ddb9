/// Where each code point of a scalar's content stands in the file, so that an error inside `"a-${x}"` points at its column.
///
/// Undoes what YAML does to a scalar: `''`, backslash escapes, folded line breaks and the indentation of block scalars.
struct ScalarLayout {
    /// One mark for each code point of the content, and one for its end.
    private var marks: [SourceMark] = []
    private var content: [Unicode.Scalar] = []

    /// The marks of `scalar`, which begins at `start`. If the text there does not spell the scalar (it should), every mark is `start`.
    static func marks(of scalar: SourceNode.Scalar, at start: SourceMark, in source: SourceText) -> [SourceMark] {
        let expected = Array(scalar.text.unicodeScalars)
        var layout = ScalarLayout()
        switch scalar.style {
        case .plain: layout.readFlow(from: start, quote: nil, count: expected.count, in: source)
        case .singleQuoted: layout.readFlow(from: start, quote: "'", count: expected.count, in: source)
        case .doubleQuoted: layout.readFlow(from: start, quote: "\"", count: expected.count, in: source)
        case .literal: layout.readBlock(from: start, count: expected.count, folded: false, in: source)
        case .folded: layout.readBlock(from: start, count: expected.count, folded: true, in: source)
        }
        guard layout.content.count >= expected.count, layout.content.prefix(expected.count).elementsEqual(expected) else {
            return Array(repeating: start, count: expected.count + 1)
        }
        var marks = Array(layout.marks.prefix(expected.count))
        if layout.marks.count > expected.count {
            marks.append(layout.marks[expected.count])
        } else {
            marks.append(marks.last.map { SourceMark(line: $0.line, column: $0.column + 1) } ?? start)
        }
        return marks
    }

    private mutating func append(_ scalar: Unicode.Scalar, _ line: Int, _ column: Int) {
        content.append(scalar)
        marks.append(SourceMark(line: line, column: column))
    }

    /// Plain and quoted scalars. `count` code points are wanted; a plain scalar is not looked at beyond them.
    private mutating func readFlow(from start: SourceMark, quote: Unicode.Scalar?, count: Int, in source: SourceText) {
        var number = start.line
        var index = start.column - 1 + (quote == nil ? 0 : 1)
        var breaks = 0
        while content.count <= count, let line = source.scalars(ofLine: number) {
            if breaks > 0 {
                while index < line.count, line[index] == " " || line[index] == "\t" { index += 1 }
                if index >= line.count, number < source.lineCount {
                    breaks += 1
                    (number, index) = (number + 1, 0)
                    continue
                }
                if breaks == 1 {
                    append(" ", number, index + 1)
                } else {
                    for _ in 1..<breaks { append("\n", number, index + 1) }
                }
                breaks = 0
            }
            var escapedBreak = false
            while index < line.count, content.count <= count {
                let scalar = line[index]
                if scalar == quote {
                    guard quote == "'", index + 1 < line.count, line[index + 1] == "'" else {
                        marks.append(SourceMark(line: number, column: index + 1))
                        return
                    }
                    append("'", number, index + 1)
                    index += 2
                } else if quote == "\"", scalar == "\\" {
                    guard index + 1 < line.count else {
                        escapedBreak = true
                        break
                    }
                    let (decoded, length) = Self.escape(line, at: index)
                    append(decoded, number, index + 1)
                    index += length
                } else {
                    append(scalar, number, index + 1)
                    index += 1
                }
            }
            guard content.count <= count else { return }
            if escapedBreak {
                // A backslash at the end of a line joins the lines without a space.
                (number, index) = (number + 1, 0)
                if let next = source.scalars(ofLine: number) {
                    while index < next.count, next[index] == " " || next[index] == "\t" { index += 1 }
                }
                continue
            }
            if quote == nil, content.count == count {
                marks.append(SourceMark(line: number, column: index + 1))
                return
            }
            while let last = content.last, last == " " || last == "\t", marks.last?.line == number {
                content.removeLast()
                marks.removeLast()
            }
            breaks = 1
            (number, index) = (number + 1, 0)
        }
    }

    /// The code point that the escape at `index` stands for, and how many code points spell it.
    private static func escape(_ line: [Unicode.Scalar], at index: Int) -> (Unicode.Scalar, Int) {
        let letter = line[index + 1]
        let simple: [Unicode.Scalar: Unicode.Scalar] = [
            "0": "\0", "a": "\u{7}", "b": "\u{8}", "t": "\t", "\t": "\t", "n": "\n", "v": "\u{B}", "f": "\u{C}", "r": "\r",
            "e": "\u{1B}", "N": "\u{85}", "_": "\u{A0}", "L": "\u{2028}", "P": "\u{2029}",
        ]
        if let decoded = simple[letter] { return (decoded, 2) }
        let digits: Int
        switch letter {
        case "x": digits = 2
        case "u": digits = 4
        case "U": digits = 8
        default: return (letter, 2)
        }
        var text = ""
        for scalar in line.dropFirst(index + 2).prefix(digits) { text.unicodeScalars.append(scalar) }
        return (UInt32(text, radix: 16).flatMap(Unicode.Scalar.init) ?? "\u{FFFD}", 2 + digits)
    }

    /// Block scalars: the lines after the header, less their common indentation.
    private mutating func readBlock(from start: SourceMark, count: Int, folded: Bool, in source: SourceText) {
        var number = start.line + 1
        var indentation: Int?
        var previousFolds = false
        var pendingBreaks = 0
        while content.count <= count, let line = source.scalars(ofLine: number) {
            let leading = line.prefix { $0 == " " }.count
            if leading == line.count {
                pendingBreaks += 1
                number += 1
                if number > source.lineCount { break }
                continue
            }
            let indent = indentation ?? leading
            indentation = indent
            guard leading >= indent else { break }
            let folds = folded && leading == indent && line[indent] != "\t"
            if !content.isEmpty || pendingBreaks > 0 {
                // `pendingBreaks` counts empty lines since the last text; the text line's own break comes on top.
                let own = content.isEmpty ? 0 : 1
                if own == 1, folds, previousFolds {
                    if pendingBreaks == 0 { append(" ", number, indent + 1) }
                    for _ in 0..<pendingBreaks { append("\n", number, indent + 1) }
                } else {
                    for _ in 0..<(own + pendingBreaks) { append("\n", number, indent + 1) }
                }
            }
            pendingBreaks = 0
            for index in indent..<line.count { append(line[index], number, index + 1) }
            previousFolds = folds
            number += 1
        }
        for _ in 0...(pendingBreaks) where content.count < count { append("\n", max(start.line, number - 1), 1) }
    }
}
