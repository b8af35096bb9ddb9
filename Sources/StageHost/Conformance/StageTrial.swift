internal import Glibc

/// Calls a stage with tiles that are guarded, and compares what comes out.
struct StageTrial {
    let stage: PluginStage
    let plan: PluginPlan
    /// One per input of the plan; nil where an optional one is absent.
    let pictures: [TrialPicture?]
    /// The parameters, for messages.
    let settings: String

    /// What one call gave.
    struct Result {
        /// Samples of the rectangle: rows of pixels of bands.
        var numbers: [Float]
        var bits: [UInt32]
        var outputDamage: GuardedTile.Damage?
        /// By input.
        var inputDamage: [(name: String, damage: GuardedTile.Damage)] = []
    }

    /// A number that a stage would hardly compute: the fill of output samples before a call.
    private static func fill(_ format: PluginImage.Format, _ seed: UInt8) -> UInt32 {
        switch format {
        case .uint8: seed == 0 ? 0xA5 : 0x5A
        case .uint16: seed == 0 ? 0xA5A5 : 0x5A5A
        case .float16: seed == 0 ? 0x7E5A : 0x7EA5
        case .float32: seed == 0 ? 0x7FC0_DEAD : 0x7FC0_BEEF
        }
    }

    var output: PluginImage { plan.output ?? PluginImage(width: 1, height: 1, bands: 1) }

    /// One call of process() with its tiles, which can be made again and again.
    final class Call {
        let plan: PluginPlan
        let rect: PluginRect
        let tiles: [GuardedTile?]
        let out: GuardedTile
        /// Processor time of the stage's own code in the last call.
        private(set) var seconds = 0.0

        init(_ plan: PluginPlan, _ rect: PluginRect, _ tiles: [GuardedTile?], _ out: GuardedTile) {
            (self.plan, self.rect, self.tiles, self.out) = (plan, rect, tiles, out)
        }

        func run(isCancelled: @escaping @Sendable () -> Bool = { false }) throws(StageError) {
            let start = processorTime()
            defer { seconds = processorTime() - start }
            try plan.process(tiles.map { $0?.pixels }, into: out.pixels, isCancelled: isCancelled)
        }

        var numbers: [Float] { samples { out.number($0, $1, $2) } }
        var bits: [UInt32] { samples { out.bits($0, $1, $2) } }

        private func samples<Sample>(_ sample: (Int, Int, Int) -> Sample) -> [Sample] {
            var result: [Sample] = []
            for y in 0..<rect.height {
                for x in 0..<rect.width {
                    for band in 0..<(plan.output?.bands ?? 0) { result.append(sample(x, y, band)) }
                }
            }
            return result
        }
    }

    /// The tiles for one rectangle of the output.
    ///
    /// - Parameter seed: what stands around the tiles, and in the output before the call.
    func call(_ rect: PluginRect, seed: UInt8) -> Call {
        let isPlanar = plan.layout == .planar
        var tiles: [GuardedTile?] = []
        for (index, picture) in pictures.enumerated() {
            guard let picture, let source = plan.inputRect(index, for: rect) else { tiles.append(nil); continue }
            tiles.append(GuardedTile(source, picture.image, isPlanar: isPlanar, garbage: seed &* 91) { x, y, band, memory in
                picture.write(x, y, band, plan.edge, to: memory)
            })
        }
        let output = output, fill = Self.fill(output.format, seed)
        let out = GuardedTile(rect, output, isPlanar: isPlanar, garbage: seed &* 57 &+ 13) { _, _, _, memory in
            switch output.format.size {
            case 1: memory.storeBytes(of: UInt8(fill), as: UInt8.self)
            case 2: memory.storeBytes(of: UInt16(fill), as: UInt16.self)
            default: memory.storeBytes(of: fill, as: UInt32.self)
            }
        }
        return Call(plan, rect, tiles, out)
    }

    /// Computes one rectangle of the output.
    func compute(_ rect: PluginRect, seed: UInt8) throws(StageError) -> Result {
        let call = call(rect, seed: seed)
        try call.run()
        var result = Result(numbers: call.numbers, bits: call.bits)
        result.outputDamage = call.out.damage(samplesToo: false)
        for (index, tile) in call.tiles.enumerated() {
            if let damage = tile?.damage(samplesToo: true) { result.inputDamage.append((stage.declared.inputs[index].name, damage)) }
        }
        return result
    }

    /// Computes a rectangle as ``compute(_:seed:)``, and finds what a single call can do wrong.
    func examine(_ rect: PluginRect) throws(StageError) -> (Result, [ConformanceFinding]) {
        var findings: [ConformanceFinding] = []
        func error(_ message: String, _ advice: String) { findings.append(ConformanceFinding(stage: stage.id, message, advice)) }
        let lent = plan.lent
        let first = try compute(rect, seed: 0), second = try compute(rect, seed: 1)
        if plan.lent != lent { error("process() changes the plan, or what it is told of an image", "aqt_plan and aqt_image are the host's, and const: other calls read them at the same time.") }
        let place = "\(Self.words(rect)) of \(words)"
        if let damage = first.outputDamage ?? second.outputDamage {
            error("process() writes outside its output tile: \(damage.count) bytes changed, the first \(damage.place), tile \(place)",
                  "Bytes outside rect must not be touched: strides (row, col, band) may exceed the packed size.")
        }
        for (name, damage) in first.inputDamage + second.inputDamage {
            error("process() writes to its input '\(name)': \(damage.count) bytes changed, the first \(damage.place), tile \(place)", "Input tiles are read-only: compute into the output, or into memory of your own.")
            break
        }
        let fills = (Self.fill(output.format, 0), Self.fill(output.format, 1))
        let unwritten = first.bits.indices.filter { first.bits[$0] == fills.0 && second.bits[$0] == fills.1 }
        if let index = unwritten.first {
            error("process() leaves \(unwritten.count) of \(first.bits.count) samples unwritten, the first at \(position(index, rect)), tile \(place)", "Every sample of the output tile must be written, by the strides that the tile gives.")
            return (first, findings)
        }
        if let index = first.numbers.firstIndex(where: { !$0.isFinite }) {
            error("process() gives \(first.numbers[index]) at \(position(index, rect)), tile \(place)", "A finite input gives a finite output: guard divisions, logarithms, roots and powers.")
            return (first, findings)
        }
        guard !stage.declared.isImpure, let index = differs(first.numbers, second.numbers) else { return (first, findings) }
        let third = try compute(rect, seed: 0)
        if let again = differs(first.numbers, third.numbers) {
            error("process() gives \(first.numbers[again]), then \(third.numbers[again]) at \(position(again, rect)) for the same tile \(place)",
                  "The result depends on the inputs and parameters alone: keep no state between calls, read no memory that was not written, or set AQT_F_IMPURE.")
        } else {
            error("process() reads outside its input tile: what stands around it changes \(position(index, rect)), tile \(place)",
                  "Declare the halo that you read in aqt_reach (left, right, top, bottom), and read no further than the input's rect.")
        }
        return (first, findings)
    }

    /// By how much two results may differ.
    var tolerance: Float {
        switch output.format {
        case .uint8: 1.01 / 255
        case .uint16: 1.01 / 65535
        case .float16: 2e-3
        case .float32: output.space == .lab ? 1e-3 : 1e-5
        }
    }

    /// The first sample by which two results differ more than tiling may; nil where none does.
    func differs(_ a: [Float], _ b: [Float]) -> Int? {
        let tolerance = tolerance
        return zip(a, b).enumerated().first { !(abs($1.0 - $1.1) <= tolerance) }?.offset
    }

    /// Steps of the output at which tiles may begin.
    var unit: (x: Int, y: Int) {
        guard let reach = plan.reach.first else { return (1, 1) }
        // As many input pixels as give whole tiles on both sides.
        func step(_ alignment: Int, _ scale: PluginReach.Scale) -> Int { alignment * scale.numerator }
        return (step(plan.alignment.x, reach.scaleX), step(plan.alignment.y, reach.scaleY))
    }

    /// The whole output, extended to the alignment where the stage wants that.
    var whole: PluginRect {
        let unit = unit, output = output
        guard !plan.isRagged, !plan.needsWholeImage else { return output.bounds }
        func up(_ size: Int, _ unit: Int) -> Int { (size + unit - 1) / unit * unit }
        return PluginRect(x: 0, y: 0, width: up(output.width, unit.x), height: up(output.height, unit.y))
    }

    /// The whole in tiles of about that size, each as the host would ask for it.
    func tiles(_ width: Int, _ height: Int) -> [PluginRect] {
        let unit = unit, whole = whole
        let columns = max(unit.x, width / unit.x * unit.x), rows = max(unit.y, height / unit.y * unit.y)
        var tiles: [PluginRect] = []
        for y in stride(from: 0, to: whole.height, by: rows) {
            for x in stride(from: 0, to: whole.width, by: columns) {
                tiles.append(PluginRect(x: x, y: y, width: min(columns, whole.width - x), height: min(rows, whole.height - y)))
            }
        }
        return tiles
    }

    /// The part of a whole result that a rectangle covers.
    func part(_ rect: PluginRect, of numbers: [Float]) -> [Float] {
        let whole = whole, bands = output.bands
        var result: [Float] = []
        for y in rect.y..<rect.y + rect.height {
            let start = (y * whole.width + rect.x) * bands
            result += numbers[start..<start + rect.width * bands]
        }
        return result
    }

    /// `13 x 9 pixels of 3 bands of float32`, and the parameters.
    var words: String {
        let image = pictures.first.flatMap { $0?.image }
        let size = image.map { "a picture of \($0.width) x \($0.height), \($0.bands) band\($0.bands == 1 ? "" : "s") of \($0.format)\($0.hasAlpha ? " with alpha" : "")" } ?? "a picture"
        return settings.isEmpty ? size : "\(size), \(settings)"
    }

    static func words(_ rect: PluginRect) -> String { "\(rect.width) x \(rect.height) at (\(rect.x), \(rect.y))" }

    func position(_ index: Int, _ rect: PluginRect) -> String {
        let bands = output.bands, pixel = index / bands
        return "(\(rect.x + pixel % rect.width), \(rect.y + pixel / rect.width)) band \(index % bands)"
    }
}

/// Seconds of this thread.
private func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
