public import Foundation
import SwiftProtobuf

/// An ONNX model as a value: a checked graph of operators, with its constants.
///
/// A model that exists is sound: every value is made once and before it is used, there is no cycle, and every constant has exactly the data
/// that its extents ask for. What the operators mean is not checked here; ``shapes(with:)`` finds what does not fit together.
public struct Model: Sendable {
    /// Files larger than this are refused: protobuf itself ends at 2 GiB.
    public static let maximumFileSize = 0x7FFF_FFFF

    /// Messages nested more deeply are refused; a subgraph in a subgraph takes three levels.
    static let maximumDepth = 64

    /// The version of ONNX's own operator set.
    public let opset: Int

    /// What the graph asks for, without the constants that old files list among the inputs.
    public let inputs: [TensorInfo]
    public let outputs: [TensorInfo]

    /// The operations, each after those whose values it reads; else in the order of the file.
    public let nodes: [Node]

    /// The constants of the graph, by name.
    public let initializers: [String: Tensor]

    let proto: Onnx_ModelProto

    /// What shape inference knows of the initializers, found once.
    let constantFacts: [String: ValueFacts]

    /// Reads the model in the file at `path`.
    public init(contentsOf path: String) throws(ONNXError) {
        let attributes: [FileAttributeKey: Any]
        let data: Data
        do {
            attributes = try FileManager.default.attributesOfItem(atPath: path)
            if let size = attributes[.size] as? Int, size > Self.maximumFileSize {
                throw ONNXError("\(path) is \(size) bytes; a model in one file is at most 2 GiB")
            }
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch let error as ONNXError {
            throw error
        } catch {
            throw ONNXError("\(path) could not be read: \(error.localizedDescription)")
        }
        do throws(ONNXError) {
            try self.init(serialized: data)
        } catch {
            throw ONNXError("\(path): \(error.message)", node: error.node)
        }
    }

    /// Reads a model from the bytes of an `.onnx` file.
    public init(serialized bytes: [UInt8]) throws(ONNXError) {
        try self.init(serialized: Data(bytes))
    }

    /// Reads a model from the bytes of an `.onnx` file. The bytes may come from anyone: whatever they are, this returns or throws.
    public init(serialized data: Data) throws(ONNXError) {
        guard data.count <= Self.maximumFileSize else { throw ONNXError("a model of \(data.count) bytes is over the limit of 2 GiB") }
        guard !data.isEmpty else { throw ONNXError("the model is empty") }
        try MessageCensus.check(data)
        var options = BinaryDecodingOptions()
        options.messageDepthLimit = Self.maximumDepth
        let proto: Onnx_ModelProto
        do {
            proto = try Onnx_ModelProto(serializedBytes: data, options: options)
        } catch {
            if let other = ForeignFile.description(of: data) { throw ONNXError("not an ONNX model: this is \(other)") }
            let doubt = if case BinaryDecodingError.truncated = error { "cut short" } else { "damaged, or encrypted" }
            throw ONNXError("not an ONNX model, or \(doubt): \(Self.reason(error))")
        }
        if !proto.hasGraph, let other = ForeignFile.description(of: data) { throw ONNXError("not an ONNX model: this is \(other)") }
        try self.init(checking: proto)
    }

    init(checking proto: Onnx_ModelProto) throws(ONNXError) {
        guard proto.hasGraph else { throw ONNXError("not an ONNX model: it has no graph") }
        let graph = try CheckedGraph(proto.graph)
        opset = try Self.opset(of: proto)
        for node in proto.graph.node { try RequiredInputs.check(node, opset: opset) }
        inputs = graph.inputs
        outputs = graph.outputs
        nodes = graph.nodes
        initializers = graph.initializers
        constantFacts = Self.constantFacts(graph.initializers)
        self.proto = proto
    }

    /// The bytes of the model's file. What was read and is not understood here is kept.
    public func serialized() throws(ONNXError) -> [UInt8] {
        do {
            return try proto.serializedBytes()
        } catch {
            throw ONNXError("the model cannot be written: \(error)")
        }
    }

    /// The operators that the graph uses, subgraphs left out; those outside ONNX's own set as `domain::name`.
    public var operators: Set<String> {
        Set(nodes.map(\.op))
    }

    /// The number of numbers in the constants of floating-point type: what papers call the parameters.
    public var parameterCount: Int {
        initializers.values.reduce(0) { total, tensor in
            tensor.elementType.isInteger || tensor.elementType == .string ? total : total &+ tensor.count
        }
    }

    /// Free texts that the file carries, by key.
    public var metadata: [String: String] {
        Dictionary(proto.metadataProps.map { ($0.key, $0.value) }, uniquingKeysWith: { _, last in last })
    }

    /// The program that wrote the file.
    public var producer: String { proto.producerName }

    private static func opset(of proto: Onnx_ModelProto) throws(ONNXError) -> Int {
        let versions = Set(proto.opsetImport.filter { $0.domain.isEmpty || $0.domain == "ai.onnx" }.map(\.version))
        guard versions.count <= 1 else {
            throw ONNXError("the model names several versions of ONNX's operator set: \(versions.sorted())")
        }
        // A file of IR version 1 or 2 has no opset_import and means version 1 (IR.md, "Operator Sets").
        let version = versions.first ?? 1
        guard version > 0, version < 10_000 else { throw ONNXError("\(version) is not a version of ONNX's operator set") }
        return Int(version)
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case BinaryDecodingError.truncated: "the bytes end in the middle of a field"
        case BinaryDecodingError.invalidUTF8: "a name is not UTF-8 text"
        case BinaryDecodingError.messageDepthLimit: "its parts are nested too deeply"
        case BinaryDecodingError.malformedProtobuf: "its bytes are not protobuf"
        default: "\(error)"
        }
    }
}
