internal import PipelineLanguage

/// The lines of a journal.
///
/// They are JSON for whoever wants to look, but read here by their exact form: a hundred thousand of them must be no more than a moment's wait.
struct JournalText {
    /// By first output: what the last line about it says.
    private(set) var entries: [PathKey: Journal.Entry] = [:]
    /// Lines that say nothing any more: superseded, or not understood.
    private(set) var deadLines = 0
    /// Lines not understood: torn by a crash, or something that is none of this program's business.
    private(set) var strangeLines = 0
    private let bytes: [UInt8]
    /// The line that each entry comes from, and lines of later versions.
    private var live: [PathKey: Range<Int>] = [:]
    private var foreign: [Range<Int>] = []

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        bytes.withUnsafeBufferPointer { text in
            var start = 0
            // Nearly all images of a folder have one recipe: one string serves them all.
            var recipe = ""
            while start < text.count {
                let end = text[start...].firstIndex(of: 10) ?? text.count
                defer { start = end + 1 }
                var scanner = LineScanner(text[start..<end])
                if let entry = scanner.entry(recipe), let first = entry.outputs.first {
                    recipe = entry.recipe
                    let key = PathKey(first.path)
                    if entries.updateValue(entry, forKey: key) != nil { deadLines += 1 }
                    live[key] = start..<end
                } else if LineScanner(text[start..<end]).isOfLaterVersion {
                    foreign.append(start..<end)
                } else if end > start {
                    deadLines += 1
                    strangeLines += 1
                }
            }
        }
    }

    /// The same without dead lines.
    var compacted: [UInt8] {
        var result: [UInt8] = []
        for range in (live.values + foreign).sorted(by: { $0.lowerBound < $1.lowerBound }) {
            result += bytes[range]
            result.append(10)
        }
        return result
    }

    /// An entry as a line, with the line feed.
    static func line(_ entry: Journal.Entry) -> [UInt8] {
        var fields: [(String, JSON)] = [
            ("v", .int(1)), ("recipe", .string(entry.recipe)), ("input", .string(entry.input)), ("size", .int(Int(entry.content.size))), ("modified", .int(Int(entry.content.modified))),
            ("hash", .string(entry.content.hash ?? "")),
            ("outputs", .array(entry.outputs.map { .array([.string($0.path), .int(Int($0.size)), .int(Int($0.modified))]) })),
        ]
        if !entry.files.isEmpty { fields.append(("files", .array(entry.files.map { .array([.string($0.path), .string($0.hash)]) }))) }
        return Array((JSON.object(fields).text() + "\n").utf8)
    }
}

/// Reads one line, byte by byte, in exactly the form that ``JournalText/line(_:)`` writes.
private struct LineScanner {
    private let text: Slice<UnsafeBufferPointer<UInt8>>
    private var position: Int

    init(_ text: Slice<UnsafeBufferPointer<UInt8>>) {
        self.text = text
        position = text.startIndex
    }

    /// - Parameter usual: a string to use again where the recipe is this one.
    mutating func entry(_ usual: String) -> Journal.Entry? {
        guard take("{\"v\":1,\"recipe\":"), let recipe = string(usual), take(",\"input\":"), let input = string(), take(",\"size\":"), let size = integer(),
              take(",\"modified\":"), let modified = integer(), take(",\"hash\":"), let hash = string(), take(",\"outputs\":[") else { return nil }
        var outputs: [Journal.Output] = []
        repeat {
            guard take("["), let path = string(), take(","), let size = integer(), take(","), let modified = integer(), take("]") else { return nil }
            outputs.append(Journal.Output(path: path, size: size, modified: modified))
        } while take(",")
        guard take("]") else { return nil }
        var files: [Journal.Ingredient] = []
        if take(",\"files\":[") {
            repeat {
                guard take("["), let path = string(), take(","), let hash = string(), take("]") else { return nil }
                files.append(Journal.Ingredient(path: path, hash: hash))
            } while take(",")
            guard take("]") else { return nil }
        }
        guard take("}"), position == text.endIndex else { return nil }
        return Journal.Entry(recipe: recipe, input: input, content: ContentStamp(size: size, modified: modified, hash: hash.isEmpty ? nil : hash), outputs: outputs, files: files)
    }

    /// Whether the line is whole, and begins with a version other than 1.
    var isOfLaterVersion: Bool {
        var copy = self
        guard copy.take("{\"v\":"), let version = copy.integer() else { return false }
        return version > 1 && text.last == UInt8(ascii: "}")
    }

    private mutating func take(_ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard text.endIndex - position >= count else { return false }
        let start = literal.utf8Start
        for index in 0..<count where text[position + index] != start[index] { return false }
        position += count
        return true
    }

    private mutating func integer() -> Int64? {
        var value: Int64 = 0, isNegative = false, digits = 0
        if position < text.endIndex, text[position] == UInt8(ascii: "-") {
            isNegative = true
            position += 1
        }
        while position < text.endIndex, text[position] &- 48 < 10 {
            let (high, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = high.addingReportingOverflow(Int64(text[position] - 48))
            guard !overflow, !carry else { return nil }
            value = sum
            position += 1
            digits += 1
        }
        return digits > 0 ? (isNegative ? -value : value) : nil
    }

    private mutating func string(_ usual: String = "") -> String? {
        guard take("\"") else { return nil }
        let start = position
        while position < text.endIndex, text[position] != UInt8(ascii: "\""), text[position] != UInt8(ascii: "\\") { position += 1 }
        guard position < text.endIndex else { return nil }
        let plain = text[start..<position]
        if text[position] == UInt8(ascii: "\"") {
            position += 1
            return plain.elementsEqual(usual.utf8) ? usual : String(decoding: plain, as: UTF8.self)
        }
        var bytes = Array(plain)
        while position < text.endIndex {
            let byte = text[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: bytes, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let character = escaped() else { return nil }
                bytes.append(character)
            default: bytes.append(byte)
            }
        }
        return nil
    }

    /// What stands behind a backslash: a quote, a backslash, the letter or the number of a control character.
    private mutating func escaped() -> UInt8? {
        guard position < text.endIndex else { return nil }
        let byte = text[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): return byte
        case UInt8(ascii: "n"): return 10
        case UInt8(ascii: "r"): return 13
        case UInt8(ascii: "t"): return 9
        default: break
        }
        guard byte == UInt8(ascii: "u"), text.endIndex - position >= 4,
              let value = UInt8(String(decoding: text[position..<(position + 4)], as: UTF8.self), radix: 16) else { return nil }
        position += 4
        return value
    }
}
