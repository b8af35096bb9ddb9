internal import CAquatintPlugin

/// Which pixels of one input an output pixel reads.
public struct PluginReach: Sendable, Hashable {
    /// Output size over input size, as a fraction.
    public struct Scale: Sendable, Hashable {
        public var numerator: Int
        public var denominator: Int

        /// The output size that an input size gives: rounded up.
        public func output(of size: Int) -> Int { (size * numerator + denominator - 1) / denominator }
    }

    public var scaleX: Scale
    public var scaleY: Scale
    /// Input pixels, as are the other three.
    public var left: Int
    public var right: Int
    public var top: Int
    public var bottom: Int

    /// The rectangle of the input that a rectangle of the output reads, not yet clipped.
    public func input(for output: PluginRect) -> PluginRect {
        let x0 = output.x * scaleX.denominator / scaleX.numerator - left
        let x1 = (output.x + output.width - 1) * scaleX.denominator / scaleX.numerator + right
        let y0 = output.y * scaleY.denominator / scaleY.numerator - top
        let y1 = (output.y + output.height - 1) * scaleY.denominator / scaleY.numerator + bottom
        return PluginRect(x: x0, y: y0, width: x1 - x0 + 1, height: y1 - y0 + 1)
    }
}

/// What a stage answered to plan(), checked. Freed when the last reference goes.
public final class PluginPlan: Sendable {
    /// What happens at the borders of the image.
    public enum Edge: Int32, Sendable, Hashable {
        /// Tiles are clipped at the image.
        case clip = 0
        /// The host extends the image by its outermost pixels.
        case replicate = 1
        /// The host mirrors the image at its outermost pixels, which are not repeated.
        case reflect = 2
        /// The host extends the image with zeros.
        case zero = 3
    }

    /// How samples lie in memory.
    public enum Layout: Int32, Sendable, Hashable {
        case interleaved = 1
        case planar = 2
    }

    public let instance: StageInstance
    /// The inputs that the plan was made for.
    public let inputs: [PluginImage?]
    /// What comes out; `nil`: the host derives it from the graph (``derivesFromGraph``).
    public let output: PluginImage?
    /// One per input; empty: the host derives it from the graph.
    public let reach: [PluginReach]
    public let edge: Edge
    /// The memory layout that the stage wants for all tiles.
    public let layout: Layout
    /// No tiling is correct: the output is computed in one call.
    public let needsWholeImage: Bool
    /// The host derives size, scale, halo and alignment from the network's graph.
    public let derivesFromGraph: Bool
    /// The halo is a judgement rather than a bound: warn, and record it.
    public let isApproximate: Bool
    /// Tile origins are multiples of these, in pixels of the first input; at least 1.
    public let alignment: (x: Int, y: Int)
    /// Whether the last tile of a row or column may be smaller than the alignment.
    public let isRagged: Bool
    /// The input tile that suits the stage best, halo included.
    public let preferredTile: (width: Int, height: Int)?
    /// The bytes that one running call allocates; 0: not known.
    public let scratchBytes: Int

    // Filled by plan(), and only read afterwards, until plan_free().
    private nonisolated(unsafe) let plan: UnsafeMutablePointer<aqt_plan>
    private let images: CImages
    private let outputImage: CImages
    /// What is wrong with the answer.
    private let fault: String?

    init(instance: StageInstance, plan: aqt_plan, inputs: [PluginImage?], images: CImages) {
        self.instance = instance
        self.inputs = inputs
        self.images = images
        self.plan = .allocate(capacity: 1)
        self.plan.initialize(to: plan)

        let answer = PlanAnswer(plan, inputs: inputs, kind: instance.stage.declared.kind)
        fault = answer.fault
        output = answer.output
        reach = answer.reach
        outputImage = CImages([answer.output])
        edge = Edge(rawValue: plan.edge) ?? .clip
        layout = Layout(rawValue: plan.layout) ?? .interleaved
        needsWholeImage = plan.flags & UInt32(AQT_PLAN_WHOLE_IMAGE) != 0
        derivesFromGraph = plan.flags & UInt32(AQT_PLAN_DERIVE) != 0
        isApproximate = plan.flags & UInt32(AQT_PLAN_APPROXIMATE) != 0
        alignment = (max(1, Int(plan.align_x)), max(1, Int(plan.align_y)))
        isRagged = plan.ragged != 0
        preferredTile = plan.tile_w > 0 && plan.tile_h > 0 ? (Int(plan.tile_w), Int(plan.tile_h)) : nil
        scratchBytes = Int(clamping: plan.scratch_bytes)
    }

    deinit {
        instance.freePlan(plan)
        plan.deallocate()
    }

    /// The plan, where the answer makes sense.
    func checked() throws(StageError) -> PluginPlan {
        if let fault { throw instance.stage.fault(.internal, "plan() answered nonsense: \(fault)") }
        return self
    }

    /// The rectangle of an input that a rectangle of the output needs: clipped to the image where the edge mode says so, otherwise
    /// with its whole halo, past the image if need be. The whole input where the plan gives no reach.
    public func inputRect(_ index: Int, for output: PluginRect) -> PluginRect? {
        guard inputs.indices.contains(index), let image = inputs[index] else { return nil }
        guard !needsWholeImage, reach.indices.contains(index) else { return image.bounds }
        let rect = reach[index].input(for: output)
        guard edge == .clip else { return rect }
        let x0 = max(rect.x, 0), y0 = max(rect.y, 0)
        return PluginRect(x: x0, y: y0, width: min(rect.x + rect.width, image.width) - x0,
                          height: min(rect.y + rect.height, image.height) - y0)
    }

    /// Whether an output pixel depends on the input pixels at its own place alone, and any rectangle suits the stage.
    var goesPixelByPixel: Bool {
        !needsWholeImage && alignment == (1, 1) && preferredTile == nil && !reach.isEmpty && reach.allSatisfy { reach in
            [reach.left, reach.right, reach.top, reach.bottom] == [0, 0, 0, 0] && reach.scaleX.numerator == reach.scaleX.denominator && reach.scaleY.numerator == reach.scaleY.denominator
        }
    }

    /// The pixels of one rectangle, as the host holds them.
    public struct Pixels {
        public var rect: PluginRect
        /// The sample at the rectangle's top left, band 0.
        public var base: UnsafeMutableRawPointer
        /// Bytes from one row, pixel and band to the next.
        public var row: Int
        public var column: Int
        public var band: Int

        public init(rect: PluginRect, base: UnsafeMutableRawPointer, row: Int, column: Int, band: Int) {
            self.rect = rect
            self.base = base
            self.row = row
            self.column = column
            self.band = band
        }
    }

    /// The structs that process() is given and must not change, as they are now.
    var lent: [UInt8] { withUnsafeBytes(of: plan.pointee) { Array($0) } + images.bytes + outputImage.bytes }

    /// Has the stage compute one rectangle of the output.
    ///
    /// Waits where the stage's thread model allows fewer calls than there are. Any thread.
    ///
    /// - Parameters:
    ///   - inputs: one per declared input, each at least ``inputRect(_:for:)``; only read. `nil` where an optional one is absent.
    ///   - output: every sample is written. The memory belongs to the caller.
    ///   - isCancelled: asked by the stage now and then, from the calling thread.
    public func process(_ inputs: [Pixels?], into output: Pixels, isCancelled: @escaping @Sendable () -> Bool) throws(StageError) {
        try process(inputs, into: output, clock: nil, isCancelled: isCancelled)
    }

    /// - Parameter clock: given the time of the stage's own code.
    func process(_ inputs: [Pixels?], into output: Pixels, clock: StageClock?, isCancelled: @escaping @Sendable () -> Bool) throws(StageError) {
        var tiles: [aqt_tile?] = []
        for (index, pixels) in inputs.enumerated() {
            guard let pixels, images.pointers.indices.contains(index) else {
                tiles.append(nil)
                continue
            }
            tiles.append(tile(pixels, of: images.pointers[index]))
        }
        var result: StageError?
        JobToken(isCancelled).withJob { job in
            withUnsafeTemporaryAllocation(of: aqt_tile.self, capacity: tiles.count + 1) { memory in
                var pointers: [UnsafePointer<aqt_tile>?] = []
                for (index, tile) in tiles.enumerated() {
                    guard let tile else {
                        pointers.append(nil)
                        continue
                    }
                    memory.initializeElement(at: index, to: tile)
                    pointers.append(memory.baseAddress.map { UnsafePointer($0 + index) })
                }
                memory.initializeElement(at: tiles.count, to: tile(output, of: outputImage.pointers[0]))
                let out = UnsafePointer(memory.baseAddress.unsafelyUnwrapped + tiles.count)
                do throws(StageError) {
                    try instance.process(plan, job, pointers, out, clock)
                } catch let error {
                    result = error
                }
            }
        }
        if let result { throw result }
    }

    /// The ONNX graph of a network stage.
    public func network() throws(StageError) -> PluginNetwork {
        try PluginNetwork(plan: self, network: try instance.network(plan))
    }

    private func tile(_ pixels: Pixels, of image: UnsafePointer<aqt_image>?) -> aqt_tile {
        var tile = emptyStruct(aqt_tile.self)
        tile.image = image
        tile.rect = aqt_rect(x: Int64(pixels.rect.x), y: Int64(pixels.rect.y), width: Int64(pixels.rect.width),
                             height: Int64(pixels.rect.height))
        tile.data = pixels.base.assumingMemoryBound(to: UInt8.self)
        (tile.row, tile.col, tile.band) = (pixels.row, pixels.column, pixels.band)
        return tile
    }
}

/// The answer to plan() in values, or what is wrong with it.
private struct PlanAnswer {
    var output: PluginImage?
    var reach: [PluginReach] = []
    var fault: String?

    /// More than any picture has, and small enough that sizes can be multiplied by scales.
    private static let maximumSize: Int64 = 1 << 31
    private static let maximumScale: Int32 = 1 << 16
    private static let maximumHalo: Int32 = 1 << 16

    init(_ plan: aqt_plan, inputs: [PluginImage?], kind: DeclaredStage.Kind) {
        do {
            try read(plan, inputs, kind)
        } catch let error {
            fault = error.message
        }
    }

    private mutating func read(_ plan: aqt_plan, _ inputs: [PluginImage?], _ kind: DeclaredStage.Kind) throws(StructFault) {
        let derives = plan.flags & UInt32(AQT_PLAN_DERIVE) != 0
        try expect(!derives || kind == .network, "AQT_PLAN_DERIVE is for networks only")
        try expect((0...3).contains(plan.edge), "edge is \(plan.edge)")
        try expect((0...2).contains(plan.layout), "layout is \(plan.layout)")
        try expect((0...Self.maximumScale).contains(plan.align_x) && (0...Self.maximumScale).contains(plan.align_y), "the alignment is \(plan.align_x) x \(plan.align_y)")
        try expect(plan.tile_w >= 0 && plan.tile_h >= 0, "the preferred tile is \(plan.tile_w) x \(plan.tile_h)")
        if let pointer = plan.output {
            output = try readImage(pointer)
        } else {
            try expect(derives, "output is NULL")
        }
        if let array = plan.reach {
            for (index, input) in inputs.enumerated() {
                guard let pointer = array[index] else { throw StructFault(message: "reach is NULL for input \(index + 1)") }
                let one = try readReach(try readStruct(pointer))
                reach.append(one)
                if let input { try checkSize(one, input, index) }
            }
        } else {
            try expect(derives, "reach is NULL")
        }
    }

    private func checkSize(_ reach: PluginReach, _ input: PluginImage, _ index: Int) throws(StructFault) {
        guard let output else { return }
        let width = reach.scaleX.output(of: input.width), height = reach.scaleY.output(of: input.height)
        try expect(output.width == width && output.height == height,
                   "the output is \(output.width) x \(output.height), but the scale of input \(index + 1) makes it \(width) x \(height)")
    }

    private func readImage(_ pointer: UnsafePointer<aqt_image>) throws(StructFault) -> PluginImage {
        let image = try readStruct(pointer)
        guard let format = PluginImage.Format(rawValue: image.format) else {
            throw StructFault(message: "the output's format is \(image.format)")
        }
        guard let space = PluginImage.Space(rawValue: image.space) else {
            throw StructFault(message: "the output's colour space is \(image.space)")
        }
        let sizes = 1...Self.maximumSize
        try expect(sizes.contains(image.width) && sizes.contains(image.height), "the output is \(image.width) x \(image.height)")
        try expect((1...(1 << 16)).contains(image.bands), "the output has \(image.bands) bands")
        return PluginImage(width: Int(image.width), height: Int(image.height), bands: Int(image.bands), format: format, space: space,
                           hasAlpha: image.has_alpha != 0)
    }

    private func readReach(_ reach: aqt_reach) throws(StructFault) -> PluginReach {
        let scales = 1...Self.maximumScale
        try expect([reach.num_x, reach.den_x, reach.num_y, reach.den_y].allSatisfy { scales.contains($0) },
                   "the scale is \(reach.num_x)/\(reach.den_x) x \(reach.num_y)/\(reach.den_y)")
        let halo = [reach.left, reach.right, reach.top, reach.bottom], words = "the halo is \(halo.map { "\($0)" }.joined(separator: ", "))"
        try expect(halo.allSatisfy { $0 >= 0 }, words)
        try expect(halo.allSatisfy { $0 <= Self.maximumHalo }, "\(words), more than \(Self.maximumHalo) pixels: what sees the whole picture sets AQT_PLAN_WHOLE_IMAGE")
        return PluginReach(scaleX: .init(numerator: Int(reach.num_x), denominator: Int(reach.den_x)),
                           scaleY: .init(numerator: Int(reach.num_y), denominator: Int(reach.den_y)), left: Int(reach.left),
                           right: Int(reach.right), top: Int(reach.top), bottom: Int(reach.bottom))
    }

    private func expect(_ condition: Bool, _ message: @autoclosure () -> String) throws(StructFault) {
        if !condition { throw StructFault(message: message()) }
    }
}
