internal import CAquatintPlugin

// The functions of `aqt_stage`. One of each serves every stage: the instance behind `self` knows its Swift type. Swift errors end
// in `report`.

let createStage: @convention(c) (
    UnsafePointer<aqt_host>?, UnsafePointer<aqt_stage>?, UnsafePointer<UnsafePointer<aqt_value>?>?,
    UnsafeMutablePointer<UnsafeMutableRawPointer?>?, UnsafeMutablePointer<aqt_error>?
) -> Int32 = { host, stage, values, result, error in
    report(to: error) { () throws(StageError) in
        guard let stage, let result else { throw .internal("the host passed NULL to create()") }
        let export = StageExport.of(stage)
        let read = try Values(host: Host(host), parameters: export.parameters, values: values)
        let instance = try export.make(read)
        instance.inputNames = export.inputNames
        result.pointee = Unmanaged.passRetained(instance).toOpaque()
    }
}

let destroyStage: @convention(c) (UnsafeMutableRawPointer?) -> Void = { instance in
    if let instance { Unmanaged<Instance>.fromOpaque(instance).release() }
}

let planStage: @convention(c) (
    UnsafeMutableRawPointer?, UnsafePointer<UnsafePointer<aqt_image>?>?, UnsafeMutablePointer<aqt_plan>?,
    UnsafeMutablePointer<aqt_error>?
) -> Int32 = { instance, images, result, error in
    report(to: error) { () throws(StageError) in
        guard let result, let images else { throw .internal("the host passed NULL to plan()") }
        let instance = try Instance.of(instance)
        let holder = try instance.plan(try .read(names: instance.inputNames) { (index) throws(StageError) in
            try images[index].map { (image) throws(StageError) in try ImageInfo(image) }
        })
        var plan = holder.plan
        plan.state = Unmanaged.passRetained(holder).toOpaque()
        boundedFill(result, with: plan)
    }
}

let freePlan: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<aqt_plan>?) -> Void = { _, plan in
    guard let plan, let state = boundedCopy(of: UnsafePointer(plan)).state else { return }
    Unmanaged<PlanHolder>.fromOpaque(state).release()
}

let processStage: @convention(c) (
    UnsafeMutableRawPointer?, UnsafePointer<aqt_plan>?, UnsafePointer<aqt_job>?, UnsafePointer<UnsafePointer<aqt_tile>?>?,
    UnsafePointer<aqt_tile>?, UnsafeMutablePointer<aqt_error>?
) -> Int32 = { instance, plan, job, tiles, output, error in
    report(to: error) { () throws(StageError) in
        guard let tiles, let output else { throw .internal("the host passed NULL to process()") }
        let instance = try Instance.of(instance)
        guard let pixelPlan = try PlanHolder.of(plan).pixel else { throw .internal("the plan is not of a pixel stage") }
        let inputs = try Inputs<Tile>.read(names: instance.inputNames) { (index) throws(StageError) in
            try tiles[index].map { (tile) throws(StageError) in try Tile(tile) }
        }
        try instance.process(inputs, into: try MutableTile(output), job: Job(plan: pixelPlan, job: job))
    }
}

let networkOfStage: @convention(c) (
    UnsafeMutableRawPointer?, UnsafePointer<aqt_plan>?, UnsafeMutablePointer<aqt_network>?, UnsafeMutablePointer<aqt_error>?
) -> Int32 = { instance, plan, result, error in
    report(to: error) { () throws(StageError) in
        guard let result else { throw .internal("the host passed NULL to network()") }
        let instance = try Instance.of(instance)
        let holder = try PlanHolder.of(plan)
        boundedFill(result, with: try holder.export(try instance.network(for: holder.inputs)))
    }
}

/// Runs `body`; an error goes to the host's memory, within its `struct_size`, and its code is the result.
private func report(to error: UnsafeMutablePointer<aqt_error>?, _ body: () throws(StageError) -> Void) -> Int32 {
    do {
        try body()
        return Int32(AQT_OK)
    } catch let failure {
        if let error { write(failure, to: error) }
        return failure.code.rawValue
    }
}

private func write(_ failure: StageError, to error: UnsafeMutablePointer<aqt_error>) {
    var value = aqt_error()
    value.code = failure.code.rawValue
    withUnsafeMutableBytes(of: &value.param) { copyText(failure.parameter ?? "", to: $0) }
    withUnsafeMutableBytes(of: &value.message) { copyText(failure.message, to: $0) }
    boundedFill(error, with: value)
}

/// Copies as many whole characters as fit, and ends them with a 0 byte.
private func copyText(_ text: String, to buffer: UnsafeMutableRawBufferPointer) {
    var end = text.utf8.startIndex
    var length = 0
    for character in text {
        let bytes = character.utf8.count
        guard length + bytes < buffer.count else { break }
        length += bytes
        end = text.index(after: end)
    }
    buffer.copyBytes(from: text[..<end].utf8)
    buffer[length] = 0
}

extension Instance {
    fileprivate static func of(_ pointer: UnsafeMutableRawPointer?) throws(StageError) -> Instance {
        guard let pointer else { throw .internal("the host passed no instance") }
        return Unmanaged<Instance>.fromOpaque(pointer).takeUnretainedValue()
    }
}

extension PlanHolder {
    fileprivate static func of(_ plan: UnsafePointer<aqt_plan>?) throws(StageError) -> PlanHolder {
        guard let plan, let state = boundedCopy(of: plan).state else { throw .internal("the host passed no plan") }
        return Unmanaged<PlanHolder>.fromOpaque(state).takeUnretainedValue()
    }
}

extension Inputs {
    fileprivate static func read(names: [String], _ element: (Int) throws(StageError) -> Element?) throws(StageError) -> Inputs {
        var elements: [Element?] = []
        for index in names.indices { elements.append(try element(index)) }
        guard let primary = elements.first ?? nil else { throw .internal("the host passed no first input") }
        return Inputs(primary: primary, elements: elements, names: names)
    }
}

extension ImageInfo {
    fileprivate init(_ image: UnsafePointer<aqt_image>) throws(StageError) {
        let image = boundedCopy(of: image)
        guard let format = SampleFormat(rawValue: image.format) else {
            throw .unsupported("the host passed an image of the sample format \(image.format), which this plug-in does not know")
        }
        self.init(width: Int(image.width), height: Int(image.height), bands: Int(image.bands), format: format,
                  space: ColourSpace(rawValue: image.space) ?? .any, hasAlpha: image.has_alpha != 0)
    }
}

extension Rect {
    fileprivate init(_ rect: aqt_rect) {
        self.init(x: Int(rect.x), y: Int(rect.y), width: Int(rect.width), height: Int(rect.height))
    }
}

extension Tile {
    fileprivate init(_ tile: UnsafePointer<aqt_tile>) throws(StageError) {
        let tile = boundedCopy(of: tile)
        guard let image = tile.image, let data = tile.data else { throw .internal("the host passed a tile without pixels") }
        self.init(image: try ImageInfo(image), rect: Rect(tile.rect), base: UnsafeRawPointer(data),
                  strides: Strides(row: tile.row, column: tile.col, band: tile.band))
    }
}

extension MutableTile {
    fileprivate init(_ tile: UnsafePointer<aqt_tile>) throws(StageError) {
        let tile = boundedCopy(of: tile)
        guard let image = tile.image, let data = tile.data else { throw .internal("the host passed an output without memory") }
        self.init(image: try ImageInfo(image), rect: Rect(tile.rect), base: UnsafeMutableRawPointer(data),
                  strides: Tile.Strides(row: tile.row, column: tile.col, band: tile.band))
    }
}

extension Values {
    /// Reads the values of a `create` call: one per declared parameter, in order.
    fileprivate init(host: Host, parameters: [Parameter],
                     values: UnsafePointer<UnsafePointer<aqt_value>?>?) throws(StageError) {
        var read: [String: Value] = [:]
        for (index, parameter) in parameters.enumerated() {
            guard let pointer = values?[index] else { throw .internal("the host passed no value for the parameter \(parameter.name)") }
            read[parameter.name] = try Value(boundedCopy(of: pointer), of: parameter)
        }
        self.init(host: host, values: read)
    }
}

extension Values.Value {
    fileprivate init(_ value: aqt_value, of parameter: Parameter) throws(StageError) {
        func text() -> String? { value.s.map { String(cString: $0) } }
        func items<T>(_ pointer: UnsafePointer<T>?) -> [T] {
            pointer.map { Array(UnsafeBufferPointer(start: $0, count: Int(value.count))) } ?? []
        }
        switch parameter.kind {
        case .bool: self = .bool(value.i != 0)
        case .int: self = .int(Int(value.i))
        case .double: self = .double(value.f)
        case .string: self = .string(text())
        case .file: self = .file(text())
        case .json: self = .json(text())
        case .colour: self = .colour(items(value.float_items))
        case .doubles: self = .doubles(items(value.float_items))
        case .ints: self = .ints(items(value.int_items).map { Int($0) })
        case .choice(let choices, _):
            guard let index = Int(exactly: value.i), choices.indices.contains(index) else {
                throw .parameter(parameter.name, "the host passed choice number \(value.i) of \(choices.count)")
            }
            self = .choice(choices[index])
        }
    }
}
