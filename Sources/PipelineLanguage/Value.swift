/// A typed value: what an expression yields and what a stage's argument is once resolved.
public indirect enum Value: Sendable, Hashable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case list([Value])
    case map(ValueMap)
    case image(ImageReference)

    /// The value as a number, if it is one.
    public var number: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }

    /// The value in words, for messages: `the text 'abc'`, `2.5`, `a list`.
    var described: String {
        switch self {
        case .null: "nothing"
        case .bool(let value): value ? "true" : "false"
        case .int(let value): String(value)
        case .double(let value): NumberText.shortest(value)
        case .string(let text): "the text \(Quoted.text(text))"
        case .list: "a list"
        case .map: "a mapping"
        case .image(let reference): "the image \(reference)"
        }
    }
}

extension Value: CustomStringConvertible {
    /// The value as a pipeline file would have it, for `explain`.
    public var description: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .int(let value): String(value)
        case .double(let value): NumberText.shortest(value)
        case .string(let text): text
        case .list(let values): "[" + values.map(\.description).joined(separator: ", ") + "]"
        case .map(let map): "{" + map.entries.map { "\($0.key): \($0.value)" }.joined(separator: ", ") + "}"
        case .image(let reference): reference.description
        }
    }
}

/// A mapping that keeps the order of the file.
public struct ValueMap: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    public struct Entry: Sendable, Hashable {
        public var key: String
        public var value: Value

        public init(key: String, value: Value) {
            self.key = key
            self.value = value
        }
    }

    public var entries: [Entry]

    public init(_ entries: [Entry]) {
        self.entries = entries
    }

    public init(dictionaryLiteral pairs: (String, Value)...) {
        entries = pairs.map { Entry(key: $0.0, value: $0.1) }
    }

    public subscript(key: String) -> Value? {
        entries.first { $0.key == key }?.value
    }
}

/// What an image-typed argument stands for.
public indirect enum ImageReference: Sendable, Hashable, CustomStringConvertible {
    /// `prev`: the result of the stage before, or the input for the first stage.
    case previous
    /// `input`: the decoded (and rotated) input.
    case input
    /// An `as:` name, or an entry of `images`.
    case named(String)
    /// One number for each band, the size of the stage's first image; a single number stands for every band.
    case constant([Double])
    /// A small one-band image written out in the file.
    case matrix(Matrix)

    public var description: String {
        switch self {
        case .previous: "prev"
        case .input: "input"
        case .named(let name): name
        case .constant(let bands):
            bands.count == 1 ? NumberText.shortest(bands[0]) : "[" + bands.map(NumberText.shortest).joined(separator: ", ") + "]"
        case .matrix(let matrix): matrix.description
        }
    }
}

/// A matrix image, as libvips' `.mat` files hold one: `scale` and `offset` are the fields a convolution reads.
public struct Matrix: Sendable, Hashable, CustomStringConvertible {
    /// At least one row; all rows have the same, positive number of elements.
    public var rows: [[Double]]
    public var scale: Double
    public var offset: Double

    public init(rows: [[Double]], scale: Double = 1, offset: Double = 0) {
        self.rows = rows
        self.scale = scale
        self.offset = offset
    }

    public var description: String {
        let text = "[" + rows.map { "[" + $0.map(NumberText.shortest).joined(separator: ", ") + "]" }.joined(separator: ", ") + "]"
        return scale == 1 && offset == 0
            ? text
            : "{matrix: \(text), scale: \(NumberText.shortest(scale)), offset: \(NumberText.shortest(offset))}"
    }
}
