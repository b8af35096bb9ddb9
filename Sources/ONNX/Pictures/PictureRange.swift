/// What the numbers of a picture tensor stand for, where the graph proves it.
public struct PictureRange: Sendable, Hashable, CustomStringConvertible {
    /// The value of black.
    public let black: Float
    /// The value of white, or full scale.
    public let white: Float
    /// Why, as a clause: "the input is uint8".
    public let reason: String

    public var description: String {
        func short(_ value: Float) -> String { value == value.rounded() && abs(value) < 1e6 ? String(Int(value)) : String(value) }
        return "[\(short(black)), \(short(white))]"
    }
}

// MARK: What goes in

extension PictureRange {
    /// The range of an input by its type, or by the constants that its first nodes scale and shift it with; nil where those say nothing.
    ///
    ///     x / 255                   0..255        x * 2 - 1                  0..1
    ///     x - [123.7, 116.8, ..]    0..255        (x - [0.49, ..]) / [0.23, ..]   0..1
    ///                                             x * 255                         0..1
    static func entering(_ info: TensorInfo, of model: Model) -> PictureRange? {
        if info.elementType == .uint8 { return PictureRange(black: 0, white: 255, reason: "the input is uint8") }
        guard let (map, labels) = AffinePrefix(from: info.name, of: model).result else { return nil }
        let nodes = labels.joined(separator: " and ")
        let factor = abs(map.factor), shift = abs(map.shift)
        // 1 / (255 * 0.229) = 1 / 58 is the largest factor of those that take 0..255; a shift by more than 10 alone tells the same.
        if factor > 0.003, factor < 0.025 || factor <= 1.01 && shift > 10 {
            return PictureRange(black: 0, white: 255, reason: "\(nodes) first make\(labels.count == 1 ? "s" : "") \(map) of it")
        }
        let isCentring = factor >= 1.5 && factor <= 10 && map.shift < 0 && shift <= 10
        // Weights that were trained on 0..255 behind an interface of 0..1.
        let isEnlarging = factor > 250 && factor < 260
        if isCentring || isEnlarging {
            return PictureRange(black: 0, white: 1, reason: "\(nodes) first make\(labels.count == 1 ? "s" : "") \(map) of it")
        }
        return nil
    }
}

/// What the first nodes make of an input by constants alone: `factor * x + shift`, averaged over channels.
private struct AffinePrefix {
    struct Map: CustomStringConvertible {
        var factor = 1.0, shift = 0.0

        var description: String {
            func short(_ value: Double) -> String { String((value * 10_000).rounded() / 10_000) }
            let scaled = factor == 1 ? "x" : abs(factor) < 0.1 ? "x / \(short(1 / factor))" : "\(short(factor)) x"
            return shift == 0 ? scaled : "\(scaled) \(shift < 0 ? "-" : "+") \(short(abs(shift)))"
        }
    }

    /// nil where the first nodes do no such thing.
    let result: (map: Map, labels: [String])?

    private static let passing: Set<String> = ["Identity", "Cast", "Transpose", "Unsqueeze", "Squeeze"]

    init(from input: String, of model: Model) {
        var map = Map(), labels: [String] = [], value = input
        let constants = ConstantReader(model)
        while true {
            let readers = model.nodes.filter { $0.inputs.contains(value) || $0.captures.contains(value) }
            guard readers.count == 1, let node = readers.first, let made = node.outputs.first, node.outputs.count == 1 else { break }
            if Self.passing.contains(node.op) { value = made; continue }
            guard node.inputs.count == 2, node.inputs[0] != node.inputs[1], let index = node.inputs.firstIndex(of: value),
                  let constant = constants.mean(node.inputs[1 - index]) else { break }
            switch (node.op, index) {
            case ("Mul", _): (map.factor, map.shift) = (map.factor * constant, map.shift * constant)
            case ("Div", 0) where constant != 0: (map.factor, map.shift) = (map.factor / constant, map.shift / constant)
            case ("Add", _): map.shift += constant
            case ("Sub", 0): map.shift -= constant
            default:
                result = labels.isEmpty ? nil : (map, labels)
                return
            }
            labels.append(node.label)
            value = made
        }
        result = labels.isEmpty ? nil : (map, labels)
    }
}

/// Values of small constants, whether they are initializers or made by `Constant` nodes.
struct ConstantReader {
    private let model: Model
    private let made: [String: Node]

    init(_ model: Model) {
        self.model = model
        made = Dictionary(model.nodes.filter { $0.op == "Constant" }.compactMap { node in node.outputs.first.map { ($0, node) } }, uniquingKeysWith: { first, _ in first })
    }

    /// The elements, at most 1024; nil where the value is no such constant.
    func elements(_ name: String) -> [Double]? {
        if let tensor = model.initializers[name] { return tensor.doubles(limit: 1024) }
        guard let node = made[name] else { return nil }
        if let tensor = node.tensor("value") { return tensor.doubles(limit: 1024) }
        if let number = node.float("value_float") { return [Double(number)] }
        return node.int("value_int").map { [Double($0)] }
    }

    func mean(_ name: String) -> Double? {
        guard let elements = elements(name), !elements.isEmpty, elements.allSatisfy(\.isFinite) else { return nil }
        return elements.reduce(0, +) / Double(elements.count)
    }
}
