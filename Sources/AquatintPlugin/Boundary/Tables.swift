internal import CAquatintPlugin

/// Builds the C tables of a plug-in. They are never freed: the interface wants them until the process exits.
func exportTables(name: String, version: String, vendor: String, url: String?,
                  stages: [any Stage.Type]) -> UnsafePointer<aqt_plugin> {
    // Not an arena that is retained and dropped: the optimiser removes such a retain, and a release build handed out freed memory.
    let arena = Arena(isImmortal: true)
    let tables = stages.map { type in UnsafePointer(type.exported(in: arena)) }
    var plugin = aqt_plugin()
    plugin.struct_size = structSize(of: aqt_plugin.self)
    plugin.abi_minor = UInt32(AQT_ABI_MINOR)
    plugin.name = arena.place(text: name)
    plugin.version = arena.place(text: version)
    plugin.vendor = arena.place(text: vendor)
    plugin.url = url.map { arena.place(text: $0) }
    plugin.stages = arena.place(nullTerminated: tables)
    return UnsafePointer(arena.place(plugin))
}

/// What the C functions of a stage need to know of its Swift type. `create` finds it behind the descriptor that it is given.
final class StageExport: Sendable {
    let parameters: [Parameter]
    let inputNames: [String]
    let make: @Sendable (Values) throws(StageError) -> Instance

    init(parameters: [Parameter], inputNames: [String], make: @escaping @Sendable (Values) throws(StageError) -> Instance) {
        self.parameters = parameters
        self.inputNames = inputNames
        self.make = make
    }

    /// The descriptor with the export right behind it: `struct_size` covers the descriptor alone, so a host never sees the rest.
    struct Descriptor: BitwiseCopyable {
        var stage: aqt_stage
        var export: UnsafeRawPointer
    }

    /// The export of a descriptor that this library made.
    static func of(_ stage: UnsafePointer<aqt_stage>) -> StageExport {
        let descriptor = UnsafeRawPointer(stage).load(as: Descriptor.self)
        return Unmanaged<StageExport>.fromOpaque(descriptor.export).takeUnretainedValue()
    }
}

extension Stage {
    /// The C descriptor of this stage type.
    fileprivate static func exported(in arena: Arena) -> UnsafeMutablePointer<aqt_stage> {
        var stage = aqt_stage()
        stage.struct_size = structSize(of: aqt_stage.self)
        stage.flags = UInt32(takesAlpha ? AQT_F_ALPHA : 0) | UInt32(isImpure ? AQT_F_IMPURE : 0)
        stage.id = arena.place(text: id)
        stage.version = arena.place(text: version)
        stage.doc = arena.place(text: doc)
        stage.licence = licence.isEmpty ? nil : arena.place(text: licence)
        stage.inputs = UnsafePointer(arena.place(nullTerminated: inputs.map { UnsafePointer(arena.place($0.exported(in: arena))) }))
        stage.params = UnsafePointer(arena.place(nullTerminated: parameters.map {
            UnsafePointer(arena.place($0.exported(in: arena)))
        }))
        stage.create = createStage
        stage.destroy = destroyStage
        stage.plan = planStage
        stage.plan_free = freePlan

        let make: @Sendable (Values) throws(StageError) -> Instance
        if let type = self as? any PixelStage.Type {
            stage.kind = Int32(AQT_KIND_PIXEL)
            stage.process = processStage
            (stage.threads, make) = type.pixelExport
        } else if let type = self as? any NetworkStage.Type {
            stage.kind = Int32(AQT_KIND_NETWORK)
            stage.threads = Int32(AQT_THREADS_FREE)
            stage.network = networkOfStage
            make = type.networkExport
        } else {
            preconditionFailure("\(Self.self) must adopt PixelStage or NetworkStage")
        }
        let export = StageExport(parameters: parameters, inputNames: inputs.map(\.name), make: make)
        let descriptor = arena.place(StageExport.Descriptor(stage: stage, export: Unmanaged.passRetained(export).toOpaque()))
        return UnsafeMutableRawPointer(descriptor).assumingMemoryBound(to: aqt_stage.self)
    }
}

extension PixelStage {
    fileprivate static var pixelExport: (Int32, @Sendable (Values) throws(StageError) -> Instance) {
        (threads.rawValue, { (values) throws(StageError) in PixelInstance(stage: try Self(values)) })
    }
}

extension NetworkStage {
    fileprivate static var networkExport: @Sendable (Values) throws(StageError) -> Instance {
        { (values) throws(StageError) in NetworkInstance(stage: try Self(values)) }
    }
}

extension ImageInput {
    fileprivate func exported(in arena: Arena) -> aqt_input {
        var input = aqt_input()
        input.struct_size = structSize(of: aqt_input.self)
        input.optional = isOptional ? 1 : 0
        input.name = arena.place(text: name)
        input.doc = arena.place(text: doc)
        input.formats = formats.reduce(0) { $0 | 1 << UInt32($1.rawValue) }
        input.spaces = spaces.contains(.any) ? 0 : spaces.reduce(0) { $0 | 1 << UInt32($1.rawValue) }
        input.min_bands = Int32(clamping: bands.lowerBound)
        input.max_bands = bands.upperBound == .max ? 0 : Int32(clamping: bands.upperBound)
        return input
    }
}

extension Parameter {
    fileprivate func exported(in arena: Arena) -> aqt_param {
        var param = aqt_param()
        param.struct_size = structSize(of: aqt_param.self)
        param.type = cType
        param.flags = UInt32(isRequired ? AQT_PF_REQUIRED : 0) | UInt32(isDeprecated ? AQT_PF_DEPRECATED : 0)
        if let range {
            param.has_range = 1
            param.min = range.lowerBound
            param.max = range.upperBound
        }
        param.name = arena.place(text: name)
        param.doc = arena.place(text: doc)
        param.unit = unit.map { arena.place(text: $0) }
        if case .choice(let choices, _) = kind {
            param.choices = UnsafePointer(arena.place(nullTerminated: choices.map { arena.place(text: $0) }))
        }
        param.min_count = UInt64(counts.lowerBound)
        param.max_count = counts.upperBound == .max ? 0 : UInt64(counts.upperBound)
        param.fallback = exportedFallback(in: arena).map { UnsafePointer(arena.place($0)) }
        return param
    }

    private var cType: Int32 {
        switch kind {
        case .bool: Int32(AQT_P_BOOL)
        case .int: Int32(AQT_P_INT)
        case .double: Int32(AQT_P_FLOAT)
        case .string: Int32(AQT_P_STRING)
        case .choice: Int32(AQT_P_ENUM)
        case .file: Int32(AQT_P_FILE)
        case .colour: Int32(AQT_P_COLOUR)
        case .ints: Int32(AQT_P_INT_LIST)
        case .doubles: Int32(AQT_P_FLOAT_LIST)
        case .json: Int32(AQT_P_JSON)
        }
    }

    private func exportedFallback(in arena: Arena) -> aqt_value? {
        var value = aqt_value()
        value.struct_size = structSize(of: aqt_value.self)
        value.type = cType
        switch kind {
        case .bool(let fallback?): value.i = fallback ? 1 : 0
        case .int(let fallback?): value.i = Int64(fallback)
        case .double(let fallback?): value.f = fallback
        case .string(let fallback?), .json(let fallback?): value.s = arena.place(text: fallback)
        case .choice(let choices, let fallback?):
            // A default that is no choice goes out as -1, so that the host refuses the stage and says why.
            value.i = Int64(choices.firstIndex(of: fallback) ?? -1)
        case .ints(let fallback?):
            value.int_items = UnsafePointer(arena.place(list: fallback.map { Int64($0) }))
            value.count = UInt64(fallback.count)
        case .doubles(let fallback?), .colour(let fallback?):
            value.float_items = UnsafePointer(arena.place(list: fallback))
            value.count = UInt64(fallback.count)
        case .bool, .int, .double, .string, .json, .choice, .ints, .doubles, .colour, .file: return nil
        }
        return value
    }
}
