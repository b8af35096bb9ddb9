import Foundation

/// A named constant of a node.
public enum Attribute: Sendable, Equatable {
    case int(Int)
    case float(Float)
    case string(String)
    case ints([Int])
    case floats([Float])
    case strings([String])
    case tensor(Tensor)
    /// A kind this module does not look into: a subgraph, a sparse tensor, a type, or a reference to a function's attribute.
    case other(String)
}

extension Attribute {
    init(_ proto: Onnx_AttributeProto) throws(ONNXError) {
        guard !proto.hasRefAttrName || proto.refAttrName.isEmpty else {
            self = .other("reference to \(proto.refAttrName)")
            return
        }
        switch proto.hasType && proto.type != .undefined ? proto.type : Self.kind(of: proto) {
        case .float: self = .float(proto.f)
        case .int: self = .int(Int(proto.i))
        case .string: self = .string(String(decoding: proto.s, as: UTF8.self))
        case .tensor: self = .tensor(try Tensor(checking: proto.t))
        case .floats: self = .floats(proto.floats)
        case .ints: self = .ints(proto.ints.map(Int.init))
        case .strings: self = .strings(proto.strings.map { String(decoding: $0, as: UTF8.self) })
        case .graph, .graphs: self = .other("subgraph")
        default: self = .other("\(proto.type)")
        }
    }

    /// Files of IR version 1 do not write the kind; the field that is set tells it.
    private static func kind(of proto: Onnx_AttributeProto) -> Onnx_AttributeProto.AttributeType {
        if proto.hasF { return .float }
        if proto.hasI { return .int }
        if proto.hasS { return .string }
        if proto.hasT { return .tensor }
        if proto.hasG { return .graph }
        if !proto.floats.isEmpty { return .floats }
        if !proto.ints.isEmpty { return .ints }
        if !proto.strings.isEmpty { return .strings }
        return .undefined
    }

    func proto(name: String) throws(ONNXError) -> Onnx_AttributeProto {
        var proto = Onnx_AttributeProto()
        proto.name = name
        switch self {
        case .int(let value): (proto.type, proto.i) = (.int, Int64(value))
        case .float(let value): (proto.type, proto.f) = (.float, value)
        case .string(let value): (proto.type, proto.s) = (.string, Data(value.utf8))
        case .ints(let values): (proto.type, proto.ints) = (.ints, values.map(Int64.init))
        case .floats(let values): (proto.type, proto.floats) = (.floats, values)
        case .strings(let values): (proto.type, proto.strings) = (.strings, values.map { Data($0.utf8) })
        case .tensor(let tensor): (proto.type, proto.t) = (.tensor, tensor.proto)
        case .other(let kind): throw ONNXError("attribute \"\(name)\" (\(kind)) cannot be written from its description")
        }
        return proto
    }
}
