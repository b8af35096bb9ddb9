internal import CAquatintPlugin
internal import ONNX

/// The ONNX model that a network stage handed over, checked in size and form; the model itself is the host's to analyse.
public final class PluginNetwork: Sendable {
    /// An input of the graph that does not come from a picture.
    public struct Constant: Sendable, Hashable {
        public var name: String
        public var shape: [Int]
        public var values: [Float]

        public init(name: String, shape: [Int], values: [Float]) {
            self.name = name
            self.shape = shape
            self.values = values
        }
    }

    /// The plan that owns the bytes.
    public let plan: PluginPlan
    /// Equal keys mean equal bytes; `nil`: hash them.
    public let key: String?
    /// Whether the picture tensors are N x H x W x C.
    public let isNHWC: Bool
    /// Whether what the stage leaves open, axes and ranges, is to be taken from the graph where that proves it.
    public let isOpen: Bool
    /// Whether the stage says itself how the picture tensors' axes lie.
    let hasLayout: Bool
    /// Whether the bands of the input, and of an output of three bands, are in reverse order.
    public let isBGR: Bool
    /// Whether the output keeps the size that the graph gives.
    public let keepsSize: Bool
    /// `nil`: the only output.
    public let outputName: String?
    /// One per stage input; `nil`: the only one left.
    public let inputNames: [String]?
    public let constants: [Constant]
    /// One per band, or one for all; empty: 1.
    public let scale: [Float]
    /// One per band, or one for all; empty: 0.
    public let bias: [Float]
    /// The size to which the picture is scaled for the graph; the result is scaled back.
    public let fixedSize: (width: Int, height: Int)?

    /// All that is said of the bytes: the same bytes may be handed over with other constants or scales.
    struct Use: Hashable {
        var names: [String?]
        var flags: [Bool]
        var constants: [Constant]
        var scale, bias: [Float]
        var fixedSize: [Int]
    }

    var use: Use {
        Use(names: [outputName] + (inputNames ?? []), flags: [isNHWC, isOpen, hasLayout, isBGR, keepsSize, inputNames == nil], constants: constants,
            scale: scale, bias: bias, fixedSize: fixedSize.map { [$0.width, $0.height] } ?? [])
    }

    // The plug-in keeps the bytes until plan_free, and `plan` is held.
    private nonisolated(unsafe) let bytes: UnsafeRawBufferPointer

    /// protobuf's own limit.
    private static let maximumSize: UInt64 = 1 << 31

    init(plan: PluginPlan, network: aqt_network) throws(StageError) {
        let stage = plan.instance.stage
        func refuse(_ what: String) -> StageError { stage.fault(.internal, "network() answered nonsense: \(what)") }
        func name(_ pointer: UnsafePointer<CChar>?, _ what: String) throws(StageError) -> String? {
            guard let pointer else { return nil }
            guard let text = readText(pointer, limit: DescriptorLimit.text) else { throw refuse("\(what) is no UTF-8 text") }
            return text
        }
        guard let base = network.bytes, (1..<Self.maximumSize).contains(network.size) else {
            throw refuse("the model has \(network.size) bytes")
        }
        bytes = UnsafeRawBufferPointer(start: base, count: Int(network.size))
        self.plan = plan
        key = try name(network.key, "key")
        outputName = try name(network.output_name, "output_name")
        isNHWC = network.flags & UInt32(AQT_NET_NHWC) != 0
        isOpen = network.flags & UInt32(AQT_NET_DERIVE) != 0
        hasLayout = !isOpen || isNHWC || network.flags & UInt32(AQT_NET_NCHW) != 0
        isBGR = network.flags & UInt32(AQT_NET_BGR) != 0
        keepsSize = network.flags & UInt32(AQT_NET_KEEP_SIZE) != 0

        if let array = network.input_names {
            let count = stage.declared.inputs.count
            guard let pointers = readPointers(array, limit: DescriptorLimit.inputs), pointers.count == count else {
                throw refuse("input_names must name \(count) input\(count == 1 ? "" : "s") and end with NULL")
            }
            var names: [String] = []
            for pointer in pointers { names.append(try name(pointer, "an input name") ?? "") }
            inputNames = names
        } else {
            inputNames = nil
        }

        var constants: [Constant] = []
        if let array = network.extra {
            guard let pointers = readPointers(array, limit: DescriptorLimit.parameters) else { throw refuse("extra has no end") }
            for pointer in pointers {
                do {
                    constants.append(try Constant(pointer))
                } catch let fault {
                    throw refuse(fault.message)
                }
            }
        }
        self.constants = constants

        guard (0...(1 << 16)).contains(network.in_bands) else { throw refuse("in_bands is \(network.in_bands)") }
        func numbers(_ pointer: UnsafePointer<Float>?) -> [Float] {
            pointer.map { Array(UnsafeBufferPointer(start: $0, count: Int(network.in_bands))) } ?? []
        }
        scale = numbers(network.in_scale)
        bias = numbers(network.in_bias)
        guard (scale + bias).allSatisfy(\.isFinite) else { throw refuse("in_scale or in_bias holds a value that is no number") }
        switch (network.fixed_width, network.fixed_height) {
        case (0, 0): fixedSize = nil
        case (1...(1 << 16), 1...(1 << 16)): fixedSize = (Int(network.fixed_width), Int(network.fixed_height))
        default: throw refuse("the fixed size is \(network.fixed_width) x \(network.fixed_height)")
        }
    }

    /// How the picture tensors' axes lie; nil: as the graph declares.
    var layout: ImageLayout? { hasLayout ? (isNHWC ? .nhwc : .nchw) : nil }

    /// The serialized `ModelProto`.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(bytes) }
    }
}

extension PluginNetwork.Constant {
    fileprivate init(_ pointer: UnsafePointer<aqt_net_input>) throws(StructFault) {
        let input = try readStruct(pointer)
        guard let namePointer = input.name, let name = readText(namePointer, limit: DescriptorLimit.text), !name.isEmpty else {
            throw StructFault(message: "an extra input has no name")
        }
        guard input.rank <= 8, input.rank == 0 || input.dims != nil else {
            throw StructFault(message: "the extra input \(name) has the rank \(input.rank)")
        }
        var count = 1
        var shape: [Int] = []
        for axis in 0..<Int(input.rank) {
            let extent = Int(input.dims[axis])
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            guard extent > 0, !overflow, product <= 1 << 28 else {
                throw StructFault(message: "the extra input \(name) has the extent \(extent) on axis \(axis)")
            }
            shape.append(extent)
            count = product
        }
        guard let data = input.data else { throw StructFault(message: "the extra input \(name) has no data") }
        self.init(name: name, shape: shape, values: Array(UnsafeBufferPointer(start: data, count: count)))
    }
}
