/// One extent of a declared shape.
public enum Dimension: Sendable, Hashable, CustomStringConvertible {
    /// A number known when the model was written; at least 1.
    case fixed(Int)
    /// A named number, the same wherever the name stands (`"height"`).
    case symbolic(String)
    /// Any number.
    case unknown

    public var description: String {
        switch self {
        case .fixed(let n): String(n)
        case .symbolic(let name): name
        case .unknown: "?"
        }
    }
}

/// What a graph declares about one of its inputs or outputs.
public struct TensorInfo: Sendable, Hashable {
    public let name: String

    /// `nil` when the file says nothing, or names a type that is not a tensor's.
    public let elementType: ElementType?

    /// `nil` when the file declares no shape, not even a rank.
    public let dims: [Dimension]?

    public init(name: String, elementType: ElementType? = .float, dims: [Dimension]?) {
        self.name = name
        self.elementType = elementType
        self.dims = dims
    }

    /// The shape as numbers, when every extent is fixed.
    public var staticShape: [Int]? {
        guard let dims else { return nil }
        var shape: [Int] = []
        for case .fixed(let n) in dims { shape.append(n) }
        return shape.count == dims.count ? shape : nil
    }
}

extension TensorInfo {
    /// Reads a declaration. Exporters write 0 or -1 for "any size", so an extent below 1 is read as unknown.
    init(_ proto: Onnx_ValueInfoProto) {
        name = proto.name
        guard case .tensorType(let tensor)? = proto.type.value else {
            elementType = nil
            dims = nil
            return
        }
        elementType = ElementType(rawValue: tensor.elemType)
        dims = !tensor.hasShape ? nil : tensor.shape.dim.map { dim in
            switch dim.value {
            case .dimValue(let n)? where n > 0: .fixed(Int(n))
            case .dimParam(let name)? where !name.isEmpty: .symbolic(name)
            default: .unknown
            }
        }
    }

    var proto: Onnx_ValueInfoProto {
        var info = Onnx_ValueInfoProto()
        info.name = name
        var tensor = Onnx_TypeProto.Tensor()
        if let elementType { tensor.elemType = elementType.rawValue }
        if let dims {
            tensor.shape.dim = dims.map { dim in
                var proto = Onnx_TensorShapeProto.Dimension()
                switch dim {
                case .fixed(let n): proto.dimValue = Int64(n)
                case .symbolic(let name): proto.dimParam = name
                case .unknown: break
                }
                return proto
            }
            if dims.isEmpty { tensor.shape = Onnx_TensorShapeProto() }
        }
        info.type.tensorType = tensor
        return info
    }
}
