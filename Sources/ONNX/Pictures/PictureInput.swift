/// How a picture enters a network, as far as the network's graph tells.
///
/// Nothing here is a guess from experience: what the declared extents, the element type and the first nodes do not prove stays open.
public struct PictureInput: Sendable {
    public let name: String
    public let layout: ImageLayout
    /// 4, or 3 where the input has no batch axis. 4 where the file declares no extents at all.
    public let rank: Int
    /// The channels that the network takes; nil where it takes any number.
    public let channels: Int?
    /// The size that the file declares.
    public let declaredSize: (width: Int, height: Int)?
    public let elementType: ElementType?
    /// What black and white are, where the type or the first nodes say it.
    public let range: PictureRange?
    /// What else than the range was taken from the graph, for people: each a clause such as "layout nhwc, since ...".
    public let findings: [String]

    /// - Parameters:
    ///   - name: an input of the model.
    ///   - layout: what the user said; nil takes it from the declared extents.
    /// - Throws: where the input cannot be a picture.
    public init(_ name: String, of model: Model, layout given: ImageLayout?) throws(ONNXError) {
        guard let info = model.inputs.first(where: { $0.name == name }) else {
            throw ONNXError("the model has no input \"\(name)\"; it has \(model.inputs.map(\.name).joined(separator: ", "))")
        }
        var findings: [String] = []
        if let dims = info.dims, dims.count != 3, dims.count != 4 {
            throw ONNXError("the input \(info.described) has \(dims.count) \(dims.count == 1 ? "dimension" : "dimensions"); a picture has four (batch, and channels, height and width), or three without the batch")
        }
        let layout = given ?? Self.layout(of: info)
        if given == nil, layout == .nhwc { findings.append("layout nhwc, since the input is \(info.described)") }
        let places = layout.places(rank: info.dims?.count ?? 4) ?? []
        func extent(_ place: ImageAxis?) -> Int? {
            guard let dims = info.dims, let axis = place == nil ? places.indices.last(where: { places[$0] == nil && !($0 == 0 && places.count == 4) }) : places.firstIndex(of: place),
                  case .fixed(let n) = dims[axis] else { return nil }
            return n
        }
        var channels = extent(nil)
        if channels == nil, let only = Self.onlyChannels(model, info, layout) {
            channels = only
            findings.append("\(only) channel\(only == 1 ? "" : "s"), since the first layers take no other number")
        }
        let size: (width: Int, height: Int)? = if let width = extent(.x), let height = extent(.y) { (width, height) } else { nil }
        let range = PictureRange.entering(info, of: model)
        (self.name, self.layout, self.channels, declaredSize, elementType) = (name, layout, channels, size, info.elementType)
        (rank, self.range, self.findings) = (info.dims?.count ?? 4, range, findings)
    }

    /// The extents of the input for one picture.
    public func shape(width: Int, height: Int, channels: Int) -> [Int] {
        let picture = layout == .nchw ? [channels, height, width] : [height, width, channels]
        return rank == 3 ? picture : [1] + picture
    }

    /// Channels last where the last extent is a picture's number of channels and the one where channels would else be is not.
    private static func layout(of info: TensorInfo) -> ImageLayout {
        guard let dims = info.dims, let last = dims.last, case .fixed(let count) = last, [1, 3, 4].contains(count) else { return .nchw }
        if case .fixed(let first) = dims[dims.count - 3], [1, 3, 4].contains(first) { return .nchw }
        return .nhwc
    }

    /// The one number of channels among the usual ones that shape inference accepts.
    private static func onlyChannels(_ model: Model, _ info: TensorInfo, _ layout: ImageLayout) -> Int? {
        guard let dims = info.dims, let places = layout.places(rank: dims.count) else { return nil }
        let fitting = [1, 2, 3, 4].filter { channels in
            let isAccepted = [256, 224].contains { size in
                let shape = zip(dims, places).enumerated().map { axis, pair -> Int in
                    if case .fixed(let n) = pair.0 { return n }
                    return pair.1 != nil ? size : axis == 0 && dims.count == 4 ? 1 : channels
                }
                return (try? model.facts(with: [info.name: shape])) != nil
            }
            return isAccepted
        }
        return fitting.count == 1 ? fitting[0] : nil
    }
}

extension TensorInfo {
    /// `'x' [1, 3, h, w] float`, as messages show an input or output.
    public var described: String {
        let shape = dims.map { "[\($0.map(\.description).joined(separator: ", "))]" } ?? "of undeclared extents"
        return "'\(name)' \(shape)\(elementType.map { $0 == .float ? "" : " \($0)" } ?? "")"
    }
}
