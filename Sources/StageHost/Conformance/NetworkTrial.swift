internal import Inference
internal import PipelineLanguage
internal import Vips

/// One network stage on small pictures, computed by the inference engine.
struct NetworkTrial {
    let id: String
    private let instance: StageInstance
    private let engine: EngineProvider
    private let network: PreparedNetwork
    private let plan: PluginPlan
    /// Bands of the pictures that it is tried on.
    let bands: Int

    /// - Parameter bands: what the stage says of its input, unless its graph says more.
    init(_ instance: StageInstance, id: String, bands: Int, engine: EngineProvider) throws(StageError) {
        self.id = id
        self.instance = instance
        self.engine = engine
        plan = try instance.plan([Self.description(100, 70, bands)])
        network = try PreparedNetworks().network(try plan.network(), stage: id, file: nil)
        self.bands = network.door.channels ?? bands
    }

    /// How the picture is cut.
    enum Cut: Sendable {
        case whole
        /// Input pixels of a tile, its halos among them.
        case tiles(Int)

        fileprivate var value: Value {
            switch self {
            case .whole: .string("whole")
            case .tiles(let edge): .map(ValueMap([.init(key: "tile", value: .int(edge))]))
            }
        }
    }

    /// The result's size and samples, where 1 is full scale.
    struct Result {
        var width: Int
        var height: Int
        var bands: Int
        var samples: [Float]
    }

    /// Runs the stage on a picture by formula.
    ///
    /// - Throws: what the host says to users, such as that the result is not finite.
    func run(_ width: Int, _ height: Int, _ cut: Cut) throws(StageError) -> Result {
        let isPicture = PictureScale.isPictureBands(bands)
        let trial = TrialPicture(image: PluginImage(width: width, height: height, bands: bands, format: .float32, space: isPicture ? .srgb : .data))
        var bytes = [UInt8](repeating: 0, count: width * height * bands * 4)
        bytes.withUnsafeMutableBytes { bytes in
            guard var place = bytes.baseAddress else { return }
            for y in 0..<height {
                for x in 0..<width {
                    for band in 0..<bands {
                        trial.write(x, y, band, .clip, to: place)
                        place += 4
                    }
                }
            }
        }
        let context = ImageContext(memoryBudget: 1 << 30)
        defer { context.finish() }
        do {
            let interpretation: Interpretation = !isPicture ? .multiband : bands == 1 ? .blackAndWhite : .srgb
            var image = try Image.samples(bytes, width: width, height: height, bands: bands, format: .float, interpretation: interpretation)
            // Floats of full scale 1.
            if isPicture { image = try image.settingFields([(PictureScale.field, .double(bands == 3 ? 255 : 1))]) }
            if bands == 3 { image = try Operation.image("linear", ["in": .image(image), "a": .doubles([255]), "b": .doubles([0])]) }
            let settings = NeuralSettings(precision: .exactly(.f32), threads: 2)
            let options = try NetworkOptions(["tiling": cut.value], stage: id)
            let plan = try instance.plan([Self.description(width, height, bands)])
            let (result, _) = try NetworkStageImage(network: network, options: options, plan: plan, settings: settings, engine: engine, context: context, stage: id).make(image)
            let unit = try Operation.image("linear", ["in": .image(result), "a": .doubles([1 / (PictureScale(of: result).white ?? 1)]), "b": .doubles([0])])
            let samples = try Operation.image("cast", ["in": .image(unit), "format": "float"]).bytes().withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
            if let failure = context.firstFailure { throw failure }
            return Result(width: result.width, height: result.height, bands: result.bands, samples: samples)
        } catch let error as StageError {
            throw context.firstFailure ?? error
        } catch let error as VipsError {
            throw context.firstFailure ?? .vips(error)
        } catch {
            throw .host("\(error)")
        }
    }

    private static func description(_ width: Int, _ height: Int, _ bands: Int) -> PluginImage {
        PluginImage(width: width, height: height, bands: bands, space: bands == 1 ? .grey : PictureScale.isPictureBands(bands) ? .srgb : .data)
    }
}
