internal import CAquatintPlugin
internal import Synchronization

/// A stage of a loaded plug-in.
public struct PluginStage: Sendable {
    /// The library that it comes from.
    public let library: PluginLibrary
    /// What it declares.
    public let declared: DeclaredStage
    /// Its place in the descriptor.
    let index: Int

    /// Its functions. Loads the library, if that was not done yet.
    func functions() throws(StageError) -> StageFunctions { try library.functions(of: index) }

    /// The name in pipelines.
    public var id: String { declared.id }

    /// Makes an instance of the stage.
    ///
    /// Defaults are filled in, and every value is checked against the declaration: a stage sees nothing else. Any thread.
    ///
    /// - Parameter values: by parameter name; `file` values are absolute paths.
    public func create(_ values: [String: StageValue] = [:]) throws(StageError) -> StageInstance {
        let arranged = try arrange(values)
        let host = try library.start(), functions = try functions()
        var instance: UnsafeMutableRawPointer?
        var error = emptyStruct(aqt_error.self)
        let cValues = CValues(arranged, of: declared.parameters)
        let code = StageMarks.during(mark("create()")) { functions.stage.create(host, functions.pointer, cValues.pointers, &instance, &error) }
        guard code == AQT_OK else { throw failure(code, error, "create()") }
        return StageInstance(stage: self, functions: functions, instance: instance)
    }

    /// One value or "not given" per parameter, in order.
    private func arrange(_ values: [String: StageValue]) throws(StageError) -> [StageValue?] {
        for name in values.keys.sorted() where !declared.parameters.contains(where: { $0.name == name }) {
            throw fault(.parameter, "is no parameter of this stage", parameter: name)
        }
        var arranged: [StageValue?] = []
        for parameter in declared.parameters {
            guard let value = values[parameter.name] ?? parameter.fallback else {
                if parameter.isRequired { throw fault(.parameter, "is required", parameter: parameter.name) }
                arranged.append(nil)
                continue
            }
            if let reason = parameter.fault(of: value) { throw fault(.parameter, reason, parameter: parameter.name) }
            arranged.append(value)
        }
        return arranged
    }

    /// What is said of a call into the stage should it not return.
    func mark(_ call: String) -> String { WorkerBoard.Call.text(stage: id, plugin: library.descriptor.name, function: call) }

    func failure(_ code: Int32, _ error: aqt_error, _ call: String) -> StageError {
        StageError(code, error, stage: id, plugin: library.descriptor.name, call: call)
    }

    func fault(_ code: StageError.Code, _ message: String, parameter: String? = nil) -> StageError {
        StageError(code: code, stage: id, plugin: library.descriptor.name, parameter: parameter, message: message)
    }
}

/// One use of a stage, with its parameters. Destroyed when the last reference goes, after its plans.
public final class StageInstance: Sendable {
    public let stage: PluginStage
    private let functions: StageFunctions
    // Handed to the plug-in only, which made it for use from any thread.
    private nonisolated(unsafe) let instance: UnsafeMutableRawPointer?
    private let processMark: String
    /// Held during process() of stages that allow one call per instance.
    private let processing = Mutex<Void>(())

    init(stage: PluginStage, functions: StageFunctions, instance: UnsafeMutableRawPointer?) {
        self.stage = stage
        self.functions = functions
        self.instance = instance
        processMark = stage.mark("process()")
    }

    deinit { StageMarks.during(stage.mark("destroy()")) { functions.stage.destroy(instance) } }

    /// Asks the stage, once per image size, what comes out and what it needs. Any thread.
    ///
    /// - Parameter inputs: one per declared input; `nil` where an optional one is absent.
    public func plan(_ inputs: [PluginImage?]) throws(StageError) -> PluginPlan {
        try check(inputs)
        let images = CImages(inputs)
        var plan = emptyStruct(aqt_plan.self)
        var error = emptyStruct(aqt_error.self)
        let code = StageMarks.during(stage.mark("plan()")) { functions.stage.plan(instance, images.pointers, &plan, &error) }
        guard code == AQT_OK else { throw stage.failure(code, error, "plan()") }
        // From here on the plan is freed by its owner, also where its answer is refused.
        return try PluginPlan(instance: self, plan: plan, inputs: inputs, images: images).checked()
    }

    func freePlan(_ plan: UnsafeMutablePointer<aqt_plan>) { StageMarks.during(stage.mark("plan_free()")) { functions.stage.plan_free(instance, plan) } }

    func network(_ plan: UnsafePointer<aqt_plan>) throws(StageError) -> aqt_network {
        guard let function = functions.stage.network else { throw stage.fault(.internal, "is no network stage") }
        var network = emptyStruct(aqt_network.self)
        var error = emptyStruct(aqt_error.self)
        let code = StageMarks.during(stage.mark("network()")) { function(instance, plan, &network, &error) }
        guard code == AQT_OK else { throw stage.failure(code, error, "network()") }
        return network
    }

    /// Calls process() as the stage's thread model allows.
    ///
    /// - Parameter clock: given the time of the call, without that of waiting for others.
    func process(_ plan: UnsafePointer<aqt_plan>, _ job: UnsafePointer<aqt_job>, _ inputs: [UnsafePointer<aqt_tile>?],
                 _ output: UnsafePointer<aqt_tile>, _ clock: StageClock?) throws(StageError) {
        guard let function = functions.stage.process else { throw stage.fault(.internal, "computes no pixels itself") }
        var error = emptyStruct(aqt_error.self)
        let code = serialised {
            StageMarks.during(processMark) {
                guard let clock else { return function(instance, plan, job, inputs, output, &error) }
                return clock.during { function(instance, plan, job, inputs, output, &error) }
            }
        }
        guard code == AQT_OK else { throw stage.failure(code, error, "process()") }
    }

    private func serialised(_ body: () -> Int32) -> Int32 {
        switch stage.declared.threads {
        case .free: body()
        case .instance: processing.withLock { _ in body() }
        case .library: stage.library.processing.withLock { _ in body() }
        }
    }

    private func check(_ inputs: [PluginImage?]) throws(StageError) {
        let declared = stage.declared.inputs
        guard inputs.count == declared.count else {
            throw stage.fault(.internal, "takes \(declared.count) images, was given \(inputs.count)")
        }
        for (image, input) in zip(inputs, declared) {
            guard let image else {
                guard input.isOptional else { throw stage.fault(.geometry, "needs the image \(input.name)") }
                continue
            }
            let bands = image.bands - (image.hasAlpha ? 1 : 0)
            guard input.bands.contains(bands) else {
                let wanted = input.bands.upperBound == .max ? "at least \(input.bands.lowerBound)"
                    : input.bands.lowerBound == input.bands.upperBound ? "\(input.bands.lowerBound)"
                    : "\(input.bands.lowerBound) to \(input.bands.upperBound)"
                throw stage.fault(.geometry, "takes \(wanted) colour band\(wanted == "1" ? "" : "s"); \(input.name) has \(bands)")
            }
        }
    }
}
