/// A network as data: the list of named modules that a weights file carries in its metadata.
/// ```
/// {"version": 1, "in_channels": 1, "modules": [
///     {"name": "head", "type": "Conv2d", "in_channels": 1, "out_channels": 48, "kernel_size": 3, "padding": 1},
///     {"name": "block0", "type": "ResidualBlock", "channels": 48},
///     {"name": "sum", "type": "Add", "inputs": ["block0", "head"]}]}
/// ```
/// A module takes what the one before it made (`input`, the picture, for the first), or what `inputs` names: modules earlier in the
/// list. The last one's result is the network's. Types and arguments are those of PyTorch, see ``ModuleType``.
///
/// The list is flat: there is no nesting that could be deep, and no cycle that could be written.
public struct Architecture: Sendable, Equatable {
    /// Where a weights file's metadata has it.
    public static let metadataKey = "aquatint.architecture"
    /// The version that this code reads.
    public static let version = 1

    enum Limit {
        static let bytes = 1 << 20
        static let modules = 1_000
        static let arguments = 32
        static let nameBytes = 63
    }

    /// One module of the list.
    public struct Entry: Sendable, Equatable {
        /// What its tensors' names begin with: `[a-z][a-z0-9_]*`.
        public let name: String
        public let type: String
        /// The names of what it takes; nil: what the module before it made.
        public let inputs: [String]?
        public let arguments: [String: Argument]
    }

    /// The value of an argument.
    public enum Argument: Sendable, Equatable {
        case number(Double)
        case text(String)
        case truth(Bool)
    }

    /// Bands of the picture that the network takes.
    public let inChannels: Int
    public let entries: [Entry]

    /// The architecture in a weights file.
    public init(of weights: Weights) throws(NetworkError) {
        guard let text = weights.metadata[Self.metadataKey] else {
            throw .weights(WeightsError(file: weights.file, failure: """
                does not say what network it is for: its metadata has no \(Self.metadataKey). Weights of a single module run as \
                separable_conv, attention, adaptive_attention or generator; `python -m training export` writes a whole network
                """))
        }
        do throws(JSONScanner.Failure) {
            try self.init(json: text)
        } catch {
            throw .weights(WeightsError(file: weights.file, failure: "describes its network wrongly",
                                        problems: ["\(Self.metadataKey), byte \(error.offset): \(error.reason)"]))
        }
    }

    init(json: String) throws(JSONScanner.Failure) {
        var json = json
        let bytes = json.withUTF8 { Array($0) }
        var scanner = JSONScanner(bytes[...])
        guard bytes.count <= Limit.bytes else { throw scanner.failure("it has \(bytes.count) bytes, and at most \(Limit.bytes) are read") }
        var version: UInt64?
        var channels: UInt64?
        var modules: [Entry]?
        try scanner.object(nameLimit: Limit.nameBytes) { scanner, key throws(JSONScanner.Failure) in
            let isNew: Bool
            switch key {
            case "version": (isNew, version) = (version == nil, try scanner.integer())
            case "in_channels": (isNew, channels) = (channels == nil, try scanner.integer())
            case "modules":
                isNew = modules == nil
                modules = try scanner.array(limit: Limit.modules, of: "modules") { scanner throws(JSONScanner.Failure) in try Self.entry(&scanner) }
            default: throw scanner.failure("there is no \"\(key)\"; there are version, in_channels, modules")
            }
            guard isNew else { throw scanner.failure("\"\(key)\" occurs twice") }
            // Before the rest, which a later version may write otherwise.
            if let version, version != UInt64(Self.version) {
                throw scanner.failure("it is of version \(version), and this Aquatint reads version \(Self.version)")
            }
        }
        try scanner.end(of: "description")
        guard version != nil, let channels, let modules else { throw scanner.failure("version, in_channels and modules are needed") }
        guard (1...UInt64(ModuleType.channelLimit)).contains(channels) else {
            throw scanner.failure("in_channels is \(channels), and may be 1 to \(ModuleType.channelLimit)")
        }
        guard !modules.isEmpty else { throw scanner.failure("the list of modules is empty") }
        inChannels = Int(channels)
        entries = modules
    }

    private static func entry(_ scanner: inout JSONScanner) throws(JSONScanner.Failure) -> Entry {
        var name: String?
        var type: String?
        var inputs: [String]?
        var arguments: [String: Argument] = [:]
        try scanner.object(nameLimit: Limit.nameBytes) { scanner, key throws(JSONScanner.Failure) in
            let isNew: Bool
            switch key {
            case "name": (isNew, name) = (name == nil, try scanner.string(limit: Limit.nameBytes))
            case "type": (isNew, type) = (type == nil, try scanner.string(limit: Limit.nameBytes))
            case "inputs":
                isNew = inputs == nil
                inputs = try scanner.array(limit: Limit.arguments, of: "inputs") { scanner throws(JSONScanner.Failure) in
                    try scanner.string(limit: Limit.nameBytes)
                }
            default:
                guard arguments.count < Limit.arguments else { throw scanner.failure("more than \(Limit.arguments) arguments") }
                (isNew, arguments[key]) = (arguments[key] == nil, try argument(&scanner))
            }
            guard isNew else { throw scanner.failure("\"\(key)\" occurs twice") }
        }
        guard let name, let type else { throw scanner.failure("a module needs a name and a type") }
        guard isName(name) else { throw scanner.failure("the name \"\(printable(name))\" is not made of a-z, 0-9 and _, from a letter on") }
        return Entry(name: name, type: type, inputs: inputs, arguments: arguments)
    }

    private static func argument(_ scanner: inout JSONScanner) throws(JSONScanner.Failure) -> Argument {
        switch scanner.next() {
        case UInt8(ascii: "\""): .text(try scanner.string(limit: Limit.nameBytes))
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .truth(try scanner.truth())
        default: .number(try scanner.number())
        }
    }

    private static func isName(_ text: String) -> Bool {
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z"), digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard let first = text.utf8.first, letters.contains(first), text != "input" else { return false }
        return text.utf8.allSatisfy { letters.contains($0) || digits.contains($0) || $0 == UInt8(ascii: "_") }
    }
}

/// The text without control characters, which a terminal would obey.
func printable(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.properties.generalCategory != .control }))
}
