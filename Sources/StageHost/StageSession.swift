public import PipelineLanguage
public import Vips
internal import Inference
internal import ONNX
internal import Synchronization

/// What a stage made of an image.
public struct StageResult: Sendable {
    /// The image that flows on; nil where the stage only answers with numbers.
    public var image: Image?
    /// Numbers by output name, for `set`.
    public var values: [String: Value] = [:]
    /// How a network stage will run, not yet compiled: whoever keeps the image has it prepared.
    public var chain: NetworkChain?
    /// Why the stage does not run as one network with the stages before it, where there are such.
    public var refusal: String?
}

/// Applies stages for the length of a run: keeps plug-in instances, analysed networks and the engine, and shares them between images.
public final class StageSession: Sendable {
    public let library: StageLibrary
    public let settings: NeuralSettings
    public let engine: EngineProvider
    public let files: FileLookup
    private let instances = Mutex<[InstanceKey: StageInstance]>([:])
    let networks = PreparedNetworks()
    private let fused = FusedNetworks()

    private struct InstanceKey: Hashable {
        var stage: String
        var arguments: [String: Value]
        /// The arguments byte for byte: two files whose names Unicode holds to be the same are two.
        var spelling: [[UInt8]]

        init(_ stage: String, _ arguments: [String: Value]) {
            (self.stage, self.arguments) = (stage, arguments)
            spelling = arguments.keys.sorted().map { Array(JSON(arguments[$0] ?? .null).text().utf8) }
        }
    }

    /// - Parameter files: where the files that a pipeline names are looked for.
    public init(library: StageLibrary, settings: NeuralSettings, files: FileLookup) {
        self.library = library
        self.settings = settings
        engine = EngineProvider(cacheFolder: settings.cacheFolder)
        self.files = files
    }

    /// Applies a stage. Pixels are computed when an output is written.
    ///
    /// - Parameters:
    ///   - arguments: typed and checked against the description; the running input is among them.
    ///   - primary: the running image.
    ///   - isComputed: whether stages made it, so that reading it twice would compute it twice.
    ///   - earlier: the networks that made the running image and that nothing else reads, which a network stage may join.
    ///   - image: looks an image reference up.
    public func apply(
        _ stage: StageDescription, arguments: [String: Value], primary: Image, outputs: Set<String>, alpha: AlphaMode, context: ImageContext,
        isComputed: Bool = false, following earlier: NetworkChain? = nil, image: (ImageReference) throws(StageError) -> Image
    ) throws(StageError) -> StageResult {
        for parameter in stage.parameters where parameter.type == .file || parameter.type == .profile {
            if case .string(let name)? = arguments[parameter.name], let path = try? files.find(name) { context.use(path) }
        }
        switch stage.kind {
        case .vips:
            var primary = try GreyPicture.settled(primary)
            try CodeValues.check(primary, for: stage.name)
            let wantsCodes = CodeValues.areMeant(by: stage.name, arguments)
            // A picture that was brought to sRGB is mixed with others there.
            func goesAway(_ image: Image) -> Bool { ManagedColour.isAway(image) || wantsCodes && PictureScale.isLight(image) }
            var isAway = goesAway(primary)
            for case .image(let reference) in arguments.values where !isAway { isAway = goesAway(try image(reference)) }
            if isAway { primary = try ManagedColour.joining(primary) }
            let whole = try WholeSamples.settled(primary, for: stage.name)
            // libvips' sharpen makes 16 bits of such floats by itself.
            if whole !== primary || stage.name == "sharpen", ManagedColour.isCodedLight(primary) {
                context.note("'\(stage.name)' works on whole numbers: what is brighter than white in the picture's light is cut off")
            }
            primary = try UncachedPixels.kept(whole, for: stage.name)
            let joined = isAway ? [] : JoinedColour.references(of: stage.name, arguments)
            func prepared(_ reference: ImageReference) throws(StageError) -> Image {
                // The running input is the image that `in` names, not the previous result.
                var other = try GreyPicture.settled(try image(reference))
                if isAway {
                    other = try ManagedColour.joining(other)
                } else if let leader = joined.first, leader != reference, joined.contains(reference) {
                    let first = try GreyPicture.settled(try image(leader))
                    do {
                        other = try JoinedColour.matched(other, to: first)
                    } catch {
                        context.note("the pictures that '\(stage.name)' joins have colours of different profiles, which are mixed as they are: \(error.message)")
                    }
                }
                return try UncachedPixels.kept(try WholeSamples.settled(other, for: stage.name), for: stage.name)
            }
            var own = try vipsArguments(stage, arguments), result: VipsStage.Result
            if LinearLight.operations.contains(stage.name), own.removeValue(forKey: LinearLight.parameter.name) == .bool(true) {
                let main = arguments[stage.runningInput?.name ?? ""]
                result = try LinearLight.applied(to: primary, stage: stage.name) { (light) throws(StageError) in
                    try VipsStage.apply(stage.name, own, primary: light, outputs: outputs, alpha: alpha) { (reference) throws(StageError) in
                        main == .image(reference) ? light : try prepared(reference)
                    }
                }
            } else {
                result = try VipsStage.apply(stage.name, own, primary: primary, outputs: outputs, alpha: alpha, image: prepared)
            }
            // What the pipeline converts itself stays as it says.
            if let made = result.image, isAway, ["icc_transform", "icc_export", "icc_import", "colourspace"].contains(stage.name) || arguments["output_profile"] != nil || arguments["export_profile"] != nil {
                result.image = try ManagedColour.forgotten(made)
            }
            if let made = result.image, stage.name == "icc_import" {
                do { result.image = try ManagedColour.marked(made) } catch { throw .vips(error) }
            } else if let made = result.image, ["colourspace", "icc_transform", "icc_export"].contains(stage.name) {
                result.image = try ManagedColour.unmarked(made)
            }
            if let made = result.image { result.image = try ExtendedColours.forgotten(try PictureScale.retagged(made, from: primary)) }
            return StageResult(image: result.image, values: result.values)
        case .pixel, .network:
            let instance = try instance(of: stage, arguments)
            var inputs: [Image?] = []
            for input in stage.inputs {
                guard case .image(let reference)? = arguments[input.name] else { inputs.append(nil); continue }
                inputs.append(stage.kind == .pixel ? try GreyPicture.settled(try image(reference)) : try image(reference))
            }
            if stage.kind == .pixel {
                return StageResult(image: try PixelStageImage(instance: instance, context: context, stage: stage.name).make(inputs))
            }
            guard let input = inputs.first ?? nil else { throw .host("there is no image to work on", stage: stage.name) }
            let (image, step) = try network(stage, arguments, instance, input.isStreamed ? input : try UncachedPixels.kept(input), context, isComputed: isComputed)
            let alone = StageResult(image: image, chain: NetworkChain(step))
            guard let earlier else { return alone }
            switch earlier.extended(by: step, merged: fused.network) {
            case .fused(let chain, let image): return StageResult(image: image, chain: chain)
            case .refused(let reason): return StageResult(image: image, chain: alone.chain, refusal: reason)
            }
        }
    }

    func network(_ stage: StageDescription, _ arguments: [String: Value], _ instance: StageInstance, _ input: Image, _ context: ImageContext,
                 isComputed: Bool = false) throws(StageError) -> (Image, NetworkStep) {
        var options = try NetworkOptions(hostValues(stage, arguments), stage: stage.name)
        let colours = input.bands - (input.hasAlpha ? 1 : 0)
        let isData = PictureScale(of: input) == .data
        let plan = try instance.plan([PluginImage(width: input.width, height: input.height, bands: isData ? input.bands : colours,
                                                  space: isData ? .data : colours == 1 ? .grey : .srgb)])
        let prepared = try prepared(plan.network(), stage, arguments)
        options.adopt(prepared.range, output: prepared.outputRange, given: givenByHand(stage, arguments))
        return try NetworkStageImage(network: prepared, options: options, plan: plan, settings: settings, engine: engine, context: context,
                                     stage: stage.name, inputIsComputed: isComputed).planned(input)
    }

    /// Makes a stage's instance, and checks its network, before any image: a missing model or weights file ends the run there.
    ///
    /// - Parameter arguments: the stage's arguments, where they do not depend on an image.
    public func prepare(_ stage: StageDescription, arguments: [String: Value]) throws(StageError) {
        guard stage.kind != .vips else { return }
        let instance = try instance(of: stage, arguments)
        guard stage.kind == .network else { return }
        _ = try NetworkOptions(hostValues(stage, arguments), stage: stage.name)
        // A stage may refuse the picture that this guesses at; that is for the real one to find.
        for bands in [3, 1] {
            guard let plan = try? instance.plan([PluginImage(width: 256, height: 256, bands: bands, space: bands == 1 ? .grey : .srgb)]) else { continue }
            guard let network = try? plan.network() else { continue }
            let prepared: PreparedNetwork
            do {
                prepared = try self.prepared(network, stage, arguments)
            } catch {
                // A model with operators that nobody has mostly looks odd in other ways too; the operators are what its owner can do something about.
                try checkOperators(network.withBytes { Array($0) }, stage.name, modelFile(stage, arguments))
                throw error
            }
            do {
                _ = try engine.networks().engine.inspect(prepared.model.bytes)
            } catch {
                // Where the graph does not fit together, its own reader names the node more clearly.
                let own = prepared.analysis.decidingNodes.first { $0.hasPrefix("node ") }
                let reason = if case .failed = error.kind, let own { "\(prepared.title): \(own)" } else { about(modelFile(stage, arguments), error) }
                throw .host(reason, stage: stage.name, code: .unsupported)
            }
            return
        }
    }

    /// Throws where the engine says that it lacks operators of the model; its other objections are left to who knows the model better.
    private func checkOperators(_ model: [UInt8], _ stage: String, _ file: String?) throws(StageError) {
        guard (try? Model(serialized: model)) != nil, let engine = try? engine.networks().engine else { return }
        do {
            _ = try engine.inspect(model)
        } catch {
            guard case .unsupported = error.kind else { return }
            throw .host(about(file, error), stage: stage, code: .unsupported)
        }
    }

    /// What the engine says, with the model's file in front where the engine is there at all.
    private func about(_ file: String?, _ error: EngineError) -> String {
        guard let file, error.kind != .notFound, error.kind != .cannotLoad else { return error.message }
        return "\(file): \(error.message)"
    }

    /// Whether the engine has the device and the arithmetic that were asked for, which is never silently replaced by another.
    ///
    /// Loads the engine: for pipelines with networks only.
    public func checkDevice() throws(StageError) {
        do throws(EngineError) {
            let devices = try engine.networks().engine.devices()
            guard let device = devices.first(named: settings.device) else {
                throw EngineError(.unavailable, "there is no device '\(settings.device)'; the engine has \(devices.map(\.name).joined(separator: ", "))")
            }
            guard case .exactly(let precision) = settings.precision else { return }
            guard device.precisions.contains(precision) else {
                throw EngineError(.unavailable, "\(device.name) (\(device.fullName)) does not compute in \(precision.rawValue), but in \(device.precisions.map(\.rawValue).joined(separator: ", "))")
            }
        } catch {
            throw .host(error.message, code: .unsupported)
        }
    }

    /// Whether the device has arithmetic that `precision: auto` could choose. Loads the engine: for pipelines with networks only.
    public var hasFasterTypes: Bool {
        let devices = (try? engine.networks().engine.devices()) ?? []
        return devices.first(named: settings.device)?.precisions.contains { $0 != .f32 } ?? false
    }

    /// What `precision: auto` has decided since this was asked last, one sentence for each network.
    public func newPrecisionNotes() -> [String] { engine.precisions.newNotes() }

    // MARK: instances and networks

    func instance(of stage: StageDescription, _ arguments: [String: Value]) throws(StageError) -> StageInstance {
        guard let plugin = library.plugins.stages[stage.name] else { throw .host("no plug-in provides this stage", stage: stage.name, code: .unsupported) }
        let own = Set(plugin.declared.parameters.map(\.name)).subtracting(NetworkOptions.names)
        let key = InstanceKey(stage.name, arguments.filter { own.contains($0.key) })
        if let known = instances.withLock({ $0[key] }) { return known }
        var values: [String: StageValue] = [:]
        for parameter in plugin.declared.parameters where own.contains(parameter.name) {
            guard let value = key.arguments[parameter.name] else { continue }
            values[parameter.name] = try stageValue(value, parameter, stage.name)
        }
        let made = try plugin.create(values)
        return instances.withLock { instances in
            // Facts of images may be among the arguments: the table must not grow with the number of images.
            if instances.count > 256 { instances.removeAll() }
            if let other = instances[key] { return other }
            instances[key] = made
            return made
        }
    }

    func prepared(_ network: PluginNetwork, _ stage: StageDescription, _ arguments: [String: Value]) throws(StageError) -> PreparedNetwork {
        try networks.network(network, stage: stage.name, file: modelFile(stage, arguments))
    }

    // MARK: arguments

    /// The first file that a stage is given, as the pipeline names it: for messages about what is in it.
    private func modelFile(_ stage: StageDescription, _ arguments: [String: Value]) -> String? {
        for parameter in stage.parameters where parameter.type == .file {
            if case .string(let name)? = arguments[parameter.name] { return name }
        }
        return nil
    }

    private func hostValues(_ stage: StageDescription, _ arguments: [String: Value]) -> [String: Value] {
        var values: [String: Value] = [:]
        for parameter in stage.parameters where parameter.host { values[parameter.name] = arguments[parameter.name] ?? parameter.fallback }
        return values
    }

    /// The host's parameters that somebody chose: the pipeline, or the stage with a default that is not the host's.
    private func givenByHand(_ stage: StageDescription, _ arguments: [String: Value]) -> Set<String> {
        let usual = NetworkOptions.parameters(declared: [])
        let chosen = stage.parameters.filter { parameter in
            parameter.host && (arguments[parameter.name] != nil || parameter.fallback != usual.first { $0.name == parameter.name }?.fallback)
        }
        return Set(chosen.map(\.name))
    }

    private func vipsArguments(_ stage: StageDescription, _ arguments: [String: Value]) throws(StageError) -> [String: Value] {
        var result = arguments
        for parameter in stage.parameters where parameter.type == .profile {
            if case .string(let name)? = arguments[parameter.name] { result[parameter.name] = .string(files.profile(name)) }
        }
        return result
    }

    private func stageValue(_ value: Value, _ parameter: DeclaredParameter, _ stage: String) throws(StageError) -> StageValue {
        func mistyped() -> StageError { .host("has the wrong type", stage: stage, code: .parameter, parameter: parameter.name) }
        func numbers() throws(StageError) -> [Double] {
            guard case .list(let items) = value else {
                guard let number = value.number else { throw mistyped() }
                return [number]
            }
            var result: [Double] = []
            for item in items {
                guard let number = item.number else { throw mistyped() }
                result.append(number)
            }
            return result
        }
        switch (parameter.kind, value) {
        case (.bool, .bool(let flag)): return .bool(flag)
        case (.int, .int(let number)): return .int(number)
        case (.double, _):
            guard let number = value.number else { throw mistyped() }
            return .double(number)
        case (.string, .string(let text)): return .string(text)
        case (.choice, .string(let text)): return .choice(text)
        case (.file, .string(let name)):
            do {
                return .file(try files.load(name))
            } catch {
                throw .host(error.message, stage: stage, code: .io, parameter: parameter.name)
            }
        case (.colour, _): return .colour(try numbers())
        case (.doubles, _): return .doubles(try numbers())
        case (.ints, .list(let items)):
            var result: [Int] = []
            for item in items {
                guard case .int(let number) = item else { throw mistyped() }
                result.append(number)
            }
            return .ints(result)
        case (.ints, .int(let number)): return .ints([number])
        case (.json, _): return .json(JSON(try located(value)).text())
        default: throw mistyped()
        }
    }

    /// Texts in a free-form value that name an existing file become its path: a plug-in does not know the pipeline's folder.
    private func located(_ value: Value) throws(StageError) -> Value {
        switch value {
        case .string(let text): return .string((try? files.find(text)) ?? text)
        case .list(let items):
            var result: [Value] = []
            for item in items { result.append(try located(item)) }
            return .list(result)
        case .map(let map):
            var entries: [ValueMap.Entry] = []
            for entry in map.entries { entries.append(ValueMap.Entry(key: entry.key, value: try located(entry.value))) }
            return .map(ValueMap(entries))
        default: return value
        }
    }
}
