/// The properties of XML that begin with one of some prefixes: attributes (`a:b="c"`) and elements (`<a:b>c</a:b>`).
///
/// One pass forward, in which no byte is looked at more often for what stands behind or before it: what comes from files may be made to take long. What is no XML is passed
/// over, or ends the search where its end is missing.
struct XMLProperties {
    struct Property {
        var name: String
        var whole: Range<Int>
        /// Nil in an element that has none.
        var value: Range<Int>?
    }

    private let bytes: UnsafeBufferPointer<UInt8>
    private let prefixes: [[UInt8]]
    private var place = 0
    private var found: [Property] = []
    /// Elements that were begun and not yet ended, under their names.
    private var open: [String: (start: Int, content: Int)] = [:]

    /// In the order in which they begin. One may lie in another; in what is no XML, they may overlap.
    static func find(in bytes: [UInt8], startingWith prefixes: [String]) -> [Property] {
        bytes.withUnsafeBufferPointer { bytes in
            var search = XMLProperties(bytes, prefixes.map { Array($0.utf8) })
            search.run()
            return search.found.sorted { $0.whole.lowerBound < $1.whole.lowerBound }
        }
    }

    private init(_ bytes: UnsafeBufferPointer<UInt8>, _ prefixes: [[UInt8]]) {
        (self.bytes, self.prefixes) = (bytes, prefixes)
    }

    private static let passed: [(start: [UInt8], end: [UInt8])] = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")].map { (Array($0.0.utf8), Array($0.1.utf8)) }

    private mutating func run() {
        while skip(to: UInt8(ascii: "<")) {
            if let passed = Self.passed.first(where: { stands($0.start, at: place) }) {
                guard skip(behind: passed.end) else { return }
            } else if place + 1 < bytes.count, bytes[place + 1] == UInt8(ascii: "/") {
                endElement()
            } else {
                guard beginElement() else { return }
            }
        }
    }

    private mutating func endElement() {
        let start = place
        place += 2
        let name = takeName()
        skipBlanks()
        guard isWanted(name), place < bytes.count, bytes[place] == UInt8(ascii: ">"), let opened = open.removeValue(forKey: text(name)) else { return }
        place += 1
        found.append(Property(name: text(name), whole: opened.start..<place, value: opened.content..<start))
    }

    /// - Returns: false where its end is missing.
    private mutating func beginElement() -> Bool {
        let start = place
        place += 1
        let name = takeName()
        guard !name.isEmpty else { return true }
        while place < bytes.count {
            switch bytes[place] {
            case UInt8(ascii: ">"):
                place += 1
                guard isWanted(name) else { return true }
                if bytes[place - 2] == UInt8(ascii: "/") {
                    found.append(Property(name: text(name), whole: start..<place, value: nil))
                } else if open[text(name)] == nil {
                    open[text(name)] = (start, place)
                }
                return true
            case UInt8(ascii: "<"): return true
            case let quote where Self.isQuote(quote):
                place += 1
                guard skip(to: quote) else { return false }
                place += 1
            case let byte where Self.isName(byte): guard takeAttribute() else { return false }
            default: place += 1
            }
        }
        return false
    }

    /// - Returns: false where the end of its value is missing.
    private mutating func takeAttribute() -> Bool {
        let name = takeName()
        skipBlanks()
        guard place < bytes.count, bytes[place] == UInt8(ascii: "=") else { return true }
        place += 1
        skipBlanks()
        guard place < bytes.count, Self.isQuote(bytes[place]) else { return true }
        let quote = bytes[place]
        place += 1
        let value = place
        guard skip(to: quote) else { return false }
        place += 1
        if Self.isBlank(bytes[name.lowerBound - 1]), isWanted(name) {
            found.append(Property(name: text(name), whole: (name.lowerBound - 1)..<place, value: value..<(place - 1)))
        }
        return true
    }

    // MARK: bytes

    private mutating func takeName() -> Range<Int> {
        let start = place
        while place < bytes.count, Self.isName(bytes[place]) { place += 1 }
        return start..<place
    }

    private mutating func skipBlanks() { while place < bytes.count, Self.isBlank(bytes[place]) { place += 1 } }

    private mutating func skip(to byte: UInt8) -> Bool {
        while place < bytes.count, bytes[place] != byte { place += 1 }
        return place < bytes.count
    }

    private mutating func skip(behind end: [UInt8]) -> Bool {
        while place < bytes.count, !stands(end, at: place) { place += 1 }
        place = min(bytes.count, place + end.count)
        return place < bytes.count
    }

    private func stands(_ wanted: [UInt8], at place: Int) -> Bool {
        guard place + wanted.count <= bytes.count else { return false }
        for index in wanted.indices where bytes[place + index] != wanted[index] { return false }
        return true
    }

    private func isWanted(_ name: Range<Int>) -> Bool { prefixes.contains { $0.count <= name.count && stands($0, at: name.lowerBound) } }

    private func text(_ range: Range<Int>) -> String { String(decoding: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self) }

    private static func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

    private static func isName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: ":"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."): true
        default: byte >= 0x80
        }
    }
}
