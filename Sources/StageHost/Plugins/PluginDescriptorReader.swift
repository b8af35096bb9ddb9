internal import CAquatintPlugin
internal import Glibc

/// Reads the descriptor of a plug-in into values, and finds everything that is wrong with it.
///
/// Each fault is a sentence for the plug-in's author: where it is, what is wrong and what would be right. A descriptor with a fault
/// is refused as a whole; reading goes on after one, so that an author sees them all at once.
struct DescriptorReader {
    /// What is wrong, in the order of the descriptor.
    private(set) var faults: [String] = []
    /// The C descriptors of `stages`, in the same order.
    private(set) var stagePointers: [UnsafePointer<aqt_stage>] = []
    /// The plug-in's `init`.
    private(set) var initialise: (@convention(c) (UnsafePointer<aqt_host>?, UnsafeMutablePointer<aqt_error>?) -> Int32)?

    /// The plug-in that lies at `pointer`; `nil` where there are faults.
    mutating func read(_ pointer: UnsafePointer<aqt_plugin>) -> PluginDescriptor? {
        guard let plugin = read(pointer, "the plug-in") else { return nil }
        let name = text(plugin.name, "aqt_plugin.name", limit: DescriptorLimit.identifier)
        let version = text(plugin.version, "aqt_plugin.version", limit: DescriptorLimit.identifier)
        let vendor = optionalText(plugin.vendor, "aqt_plugin.vendor")
        let url = optionalText(plugin.url, "aqt_plugin.url")
        initialise = plugin.`init`
        var stages: [DeclaredStage] = []
        if let array = plugin.stages {
            guard let pointers = readPointers(array, limit: DescriptorLimit.stages) else {
                faults.append("aqt_plugin.stages has more than \(DescriptorLimit.stages) entries: end it with NULL")
                return nil
            }
            stagePointers = pointers
            stages = pointers.enumerated().compactMap { readStage($1, number: $0) }
        }
        if stagePointers.isEmpty { faults.append("the plug-in has no stages: list them in aqt_plugin.stages") }
        for id in duplicates(stages.map(\.id)) { faults.append("two stages have the id \(id)") }
        guard faults.isEmpty else { return nil }
        return PluginDescriptor(name: name, version: version, vendor: vendor ?? "", url: url, abiMinor: Int(plugin.abi_minor),
                                stages: stages)
    }

    // MARK: - Stages

    private mutating func readStage(_ pointer: UnsafePointer<aqt_stage>, number: Int) -> DeclaredStage? {
        guard let stage = read(pointer, "stage \(number + 1)") else { return nil }
        let id = text(stage.id, "the id of stage \(number + 1)", limit: DescriptorLimit.identifier)
        let place = id.isEmpty ? "stage \(number + 1)" : id
        if !id.isEmpty && !isStageName(id) {
            faults.append("\(quoted(id)) cannot be a stage's id: it takes a-z, 0-9, _ and - in words joined by dots, such as acme.grain")
        }
        let version = text(stage.version, "\(place): version", limit: DescriptorLimit.identifier)
        let doc = text(stage.doc, "\(place): doc")
        let licence = optionalText(stage.licence, "\(place): licence")
        let kind = readKind(of: stage, place)
        let threads = readThreads(of: stage, place)
        checkFunctions(of: stage, kind, place)
        let inputs = readInputs(stage, place)
        let parameters = readParameters(stage, place)
        for name in duplicates(inputs.map(\.name) + parameters.map(\.name)) {
            faults.append("\(place): two parameters or inputs are called \(name)")
        }
        if kind == .network { checkHostParameters(parameters, place) }
        return DeclaredStage(id: id, kind: kind ?? .pixel, threads: threads, version: version, doc: doc, licence: licence,
                             takesAlpha: stage.flags & UInt32(AQT_F_ALPHA) != 0,
                             isImpure: stage.flags & UInt32(AQT_F_IMPURE) != 0, inputs: inputs, parameters: parameters)
    }

    private mutating func readKind(of stage: aqt_stage, _ place: String) -> DeclaredStage.Kind? {
        switch Int(stage.kind) {
        case AQT_KIND_PIXEL: return .pixel
        case AQT_KIND_NETWORK: return .network
        default:
            faults.append("\(place): kind is \(stage.kind): set it to AQT_KIND_PIXEL or AQT_KIND_NETWORK")
            return nil
        }
    }

    private mutating func readThreads(of stage: aqt_stage, _ place: String) -> DeclaredStage.Threads {
        switch Int(stage.threads) {
        case AQT_THREADS_LIBRARY: return .library
        case AQT_THREADS_INSTANCE: return .instance
        case AQT_THREADS_FREE: return .free
        default:
            faults.append("\(place): threads is \(stage.threads): set it to one of AQT_THREADS_LIBRARY, _INSTANCE and _FREE")
            return .library
        }
    }

    private mutating func checkFunctions(of stage: aqt_stage, _ kind: DeclaredStage.Kind?, _ place: String) {
        let missing = [("create", stage.create == nil), ("destroy", stage.destroy == nil), ("plan", stage.plan == nil),
                       ("plan_free", stage.plan_free == nil), ("process", kind == .pixel && stage.process == nil),
                       ("network", kind == .network && stage.network == nil)].filter(\.1).map(\.0)
        if !missing.isEmpty { faults.append("\(place): \(missing.joined(separator: ", ")) must not be NULL") }
        if kind == .pixel && stage.network != nil { faults.append("\(place): a PIXEL stage has no network(): leave it NULL") }
        if kind == .network && stage.process != nil { faults.append("\(place): a NETWORK stage has no process(): leave it NULL") }
    }

    // MARK: - Inputs

    private mutating func readInputs(_ stage: aqt_stage, _ place: String) -> [DeclaredInput] {
        guard let array = stage.inputs, let pointers = readPointers(array, limit: DescriptorLimit.inputs), !pointers.isEmpty else {
            faults.append("\(place): inputs must list 1 to \(DescriptorLimit.inputs) images and end with NULL")
            return []
        }
        return pointers.enumerated().compactMap { index, pointer in readInput(pointer, "\(place): input \(index + 1)", index) }
    }

    private mutating func readInput(_ pointer: UnsafePointer<aqt_input>, _ numbered: String, _ index: Int) -> DeclaredInput? {
        guard let input = read(pointer, numbered) else { return nil }
        let name = identifier(input.name, numbered)
        let doc = optionalText(input.doc, "\(numbered): doc") ?? ""
        if index == 0 && input.optional != 0 { faults.append("\(numbered): the first input is the running image: it cannot be optional") }
        let formats = Set(PluginImage.Format.allCases.filter { input.formats & (1 << UInt32($0.rawValue)) != 0 })
        let spaces = Set(PluginImage.Space.allCases.filter { input.spaces & (1 << UInt32($0.rawValue)) != 0 })
        if input.formats != 0 && formats.isEmpty { faults.append("\(numbered): formats names no format that this version knows") }
        if input.spaces != 0 && spaces.isEmpty { faults.append("\(numbered): spaces names no colour space that this version knows") }
        let lower = Int(input.min_bands), upper = input.max_bands == 0 ? Int.max : Int(input.max_bands)
        guard (0...DescriptorLimit.bands).contains(lower), upper >= max(lower, 1) else {
            faults.append("\(numbered): from \(input.min_bands) to \(input.max_bands) bands is no range")
            return nil
        }
        return DeclaredInput(name: name, doc: doc, isOptional: input.optional != 0, formats: formats,
                             spaces: spaces.contains(.any) ? [] : spaces, bands: max(lower, 1)...upper)
    }

    // MARK: - Parameters

    private mutating func readParameters(_ stage: aqt_stage, _ place: String) -> [DeclaredParameter] {
        guard let array = stage.params else { return [] }
        guard let pointers = readPointers(array, limit: DescriptorLimit.parameters) else {
            faults.append("\(place): params has more than \(DescriptorLimit.parameters) entries: end it with NULL")
            return []
        }
        return pointers.enumerated().compactMap { index, pointer in readParameter(pointer, place, index) }
    }

    private mutating func readParameter(_ pointer: UnsafePointer<aqt_param>, _ stage: String, _ index: Int) -> DeclaredParameter? {
        let numbered = "\(stage): parameter \(index + 1)"
        guard let param = read(pointer, numbered) else { return nil }
        let name = identifier(param.name, numbered)
        let place = name.isEmpty ? numbered : "\(stage): \(name)"
        guard let kind = DeclaredParameter.Kind(cType: param.type) else {
            faults.append("\(place): type \(param.type) is not known to this version")
            return nil
        }
        var result = DeclaredParameter(
            name: name, kind: kind, doc: text(param.doc, "\(place): doc"), unit: optionalText(param.unit, "\(place): unit"),
            isRequired: param.flags & UInt32(AQT_PF_REQUIRED) != 0, isDeprecated: param.flags & UInt32(AQT_PF_DEPRECATED) != 0,
            range: range(of: param, kind, place), choices: choices(of: param, kind, place), fallback: nil,
            counts: counts(of: param, kind, place))
        if let fallback = param.fallback {
            if result.isRequired { faults.append("\(place): is REQUIRED and has a default: drop one of them") }
            result.fallback = readFallback(fallback, of: result, place)
        } else if !result.isRequired && [.bool, .int, .double, .choice].contains(kind) {
            faults.append("\(place): a \(kind) without a default must be AQT_PF_REQUIRED")
        }
        return result
    }

    private mutating func range(of param: aqt_param, _ kind: DeclaredParameter.Kind, _ place: String) -> ClosedRange<Double>? {
        guard param.has_range != 0 else { return kind == .colour ? 0...1 : nil }
        guard kind.isNumeric else {
            faults.append("\(place): a \(kind) has no range")
            return nil
        }
        guard param.min <= param.max else {  // false for NaN too
            faults.append("\(place): from \(param.min) to \(param.max) is no range")
            return nil
        }
        return param.min...param.max
    }

    private mutating func choices(of param: aqt_param, _ kind: DeclaredParameter.Kind, _ place: String) -> [String] {
        guard kind == .choice else { return [] }
        guard let array = param.choices, let pointers = readPointers(array, limit: DescriptorLimit.choices), !pointers.isEmpty else {
            faults.append("\(place): choices must list 1 to \(DescriptorLimit.choices) names and end with NULL")
            return []
        }
        let names = pointers.map { text($0, "\(place): a choice", limit: DescriptorLimit.identifier) }
        for name in duplicates(names) { faults.append("\(place): the choice \(quoted(name)) is there twice") }
        return names
    }

    private mutating func counts(of param: aqt_param, _ kind: DeclaredParameter.Kind, _ place: String) -> ClosedRange<Int> {
        guard kind.isList else { return 0...Int.max }
        let upper = param.max_count == 0 ? UInt64(Int.max) : param.max_count
        guard param.min_count <= min(upper, DescriptorLimit.listItems), let lower = Int(exactly: param.min_count), let most = Int(exactly: upper) else {
            faults.append("\(place): from \(param.min_count) to \(param.max_count) items is no range")
            return 0...Int.max
        }
        return lower...most
    }

    private mutating func readFallback(_ pointer: UnsafePointer<aqt_value>, of parameter: DeclaredParameter,
                                       _ place: String) -> StageValue? {
        guard let value = read(pointer, "\(place): default") else { return nil }
        guard DeclaredParameter.Kind(cType: value.type) == parameter.kind else {
            faults.append("\(place): the default is of the type \(value.type), not \(parameter.kind)")
            return nil
        }
        guard let fallback = stageValue(value, of: parameter, place) else { return nil }
        if let reason = parameter.fault(of: fallback) {
            faults.append("\(place): the default \(reason)")
            return nil
        }
        return fallback
    }

    private mutating func stageValue(_ value: aqt_value, of parameter: DeclaredParameter, _ place: String) -> StageValue? {
        switch parameter.kind {
        case .bool: return .bool(value.i != 0)
        case .int: return .int(Int(value.i))
        case .double: return .double(value.f)
        case .string: return .string(text(value.s, "\(place): the default", mayBeEmpty: true, isForPeople: false))
        case .file: return .file(text(value.s, "\(place): the default", isForPeople: false))
        case .json: return .json(text(value.s, "\(place): the default", limit: DescriptorLimit.json, isForPeople: false))
        case .colour: return list(value, value.float_items, place).map { .colour($0) }
        case .doubles: return list(value, value.float_items, place).map { .doubles($0) }
        case .ints: return list(value, value.int_items, place).map { .ints($0.map { Int($0) }) }
        case .choice:
            guard let index = Int(exactly: value.i), parameter.choices.indices.contains(index) else {
                faults.append("\(place): the default is choice number \(value.i) of \(parameter.choices.count)")
                return nil
            }
            return .choice(parameter.choices[index])
        }
    }

    private mutating func list<T>(_ value: aqt_value, _ items: UnsafePointer<T>?, _ place: String) -> [T]? {
        guard value.count > 0 else { return [] }
        guard value.count <= DescriptorLimit.listItems, let items else {
            let fault = items == nil ? "has \(value.count) items and no pointer to them"
                : "has \(value.count) items, the limit is \(DescriptorLimit.listItems)"
            faults.append("\(place): the default \(fault)")
            return nil
        }
        return Array(UnsafeBufferPointer(start: items, count: Int(value.count)))
    }

    /// A network stage may declare a parameter that the host handles, to give it another default; its type is fixed.
    private mutating func checkHostParameters(_ parameters: [DeclaredParameter], _ place: String) {
        for parameter in parameters {
            guard let host = DeclaredParameter.hostHandled.first(where: { $0.name == parameter.name }),
                  host.kind != parameter.kind else { continue }
            faults.append("\(place): \(parameter.name) is handled by the host and is a \(host.kind), not a \(parameter.kind)")
        }
    }

    // MARK: - Words

    private mutating func read<T: BitwiseCopyable>(_ pointer: UnsafePointer<T>, _ place: String) -> T? {
        do {
            return try readStruct(pointer)
        } catch let fault {
            faults.append("\(place): \(fault.message)")
            return nil
        }
    }

    private mutating func text(_ pointer: UnsafePointer<CChar>?, _ place: String, limit: Int = DescriptorLimit.text,
                               mayBeEmpty: Bool = false, isForPeople: Bool = true) -> String {
        guard let pointer else {
            faults.append("\(place) is NULL: a text is wanted")
            return ""
        }
        guard let text = readText(pointer, limit: limit) else {
            faults.append(strnlen(pointer, limit + 1) > limit ? "\(place) is too long: it has \(Self.length(pointer)) bytes, at most \(limit) are taken" : "\(place) is no UTF-8 text")
            return ""
        }
        if text.isEmpty && !mayBeEmpty { faults.append("\(place) is empty: a text is wanted") }
        // Names are compared, and are not to be changed; other texts are for people.
        guard limit == DescriptorLimit.identifier else { return isForPeople ? cleaned(text) : text }
        if text != cleaned(text) { faults.append("\(place) holds control characters: \(quoted(text))") }
        return text
    }

    /// The bytes of a text, as far as it makes sense to count them.
    private static func length(_ text: UnsafePointer<CChar>) -> String {
        let most = 1 << 20, count = strnlen(text, most)
        return count == most ? "more than \(most)" : "\(count)"
    }

    private mutating func optionalText(_ pointer: UnsafePointer<CChar>?, _ place: String) -> String? {
        pointer.map { text($0, place, mayBeEmpty: true) }
    }

    private mutating func identifier(_ pointer: UnsafePointer<CChar>?, _ place: String) -> String {
        let name = text(pointer, "\(place): name", limit: DescriptorLimit.identifier)
        if !name.isEmpty && !isParameterName(name) {
            faults.append("\(place): \(quoted(name)) cannot be a name: it takes a-z, then a-z, 0-9 and _")
        }
        return name
    }
}

/// `[a-z][a-z0-9_]*`.
func isParameterName(_ name: String) -> Bool {
    guard let first = name.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else { return false }
    return name.utf8.allSatisfy { isWordByte($0) }
}

/// Words of a-z, 0-9, _ and -, each starting with a letter, joined by dots.
func isStageName(_ name: String) -> Bool {
    name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { word in
        guard let first = word.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else { return false }
        return word.utf8.allSatisfy { isWordByte($0) || $0 == UInt8(ascii: "-") }
    }
}

private func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
    default: false
    }
}

private func quoted(_ text: String) -> String { "\"\(cleaned(text))\"" }

/// Each name that is there more than once, in the order of its second appearance.
private func duplicates(_ names: [String]) -> [String] {
    var seen: Set<String> = [], reported: Set<String> = []
    return names.filter { !$0.isEmpty && !seen.insert($0).inserted && reported.insert($0).inserted }
}

extension DeclaredParameter.Kind {
    init?(cType: Int32) {
        switch Int(cType) {
        case AQT_P_BOOL: self = .bool
        case AQT_P_INT: self = .int
        case AQT_P_FLOAT: self = .double
        case AQT_P_STRING: self = .string
        case AQT_P_ENUM: self = .choice
        case AQT_P_FILE: self = .file
        case AQT_P_COLOUR: self = .colour
        case AQT_P_INT_LIST: self = .ints
        case AQT_P_FLOAT_LIST: self = .doubles
        case AQT_P_JSON: self = .json
        default: return nil
        }
    }

    var cType: Int32 {
        switch self {
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
}
