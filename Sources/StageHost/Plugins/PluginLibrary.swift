internal import CAquatintPlugin
internal import Glibc
internal import Synchronization

/// Why a file is not used as a plug-in.
public struct PluginRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file.
    public let path: String
    /// One sentence each, for the plug-in's author; the first is the reason to show.
    public let reasons: [String]

    /// How a reason begins that the dynamic loader gives.
    static let loaderWords = "cannot be loaded: "
    static let entryName = AQT_ENTRY_NAME

    init(_ path: String, _ reason: String) { self.init(path: path, reasons: [reason]) }

    init(path: String, reasons: [String]) {
        self.path = path
        self.reasons = reasons
    }

    public var description: String { "\(path): \(reasons.joined(separator: "; "))" }
}

/// A plug-in library whose descriptor is sound. Its code is loaded when a stage of it is first made, and then stays loaded until the process exits: its tables
/// and functions are referred to from everywhere.
public final class PluginLibrary: Sendable {
    /// The file, as it was found.
    public let path: String
    /// What the plug-in says of itself.
    public let descriptor: PluginDescriptor
    /// Its stages, in the order of the descriptor.
    public var stages: [PluginStage] {
        descriptor.stages.enumerated().map { PluginStage(library: self, declared: $1, index: $0) }
    }

    /// What was found out when the file was loaded: Const data of the library.
    struct Contents: @unchecked Sendable {
        let descriptor: PluginDescriptor
        let functions: [StageFunctions]
        let initialise: (@convention(c) (UnsafePointer<aqt_host>?, UnsafeMutablePointer<aqt_error>?) -> Int32)?
    }

    /// The file whose descriptor was read; nil where it was loaded at once.
    private let scanned: FileIdentity?
    private let host: PluginHost
    /// How loading went; `nil`: not done yet.
    private let contents: Mutex<Result<Contents, StageError>?>
    /// How `init` went; `nil`: not called yet. Held during the call, so that nothing else runs in the library meanwhile.
    private let initialised = Mutex<Result<Void, StageError>?>(nil)
    /// Held during process() of stages that allow one call in the whole library.
    let processing = Mutex<Void>(())

    /// Loads a file.
    ///
    /// Runs the library's load-time code and its entry function; no stage is touched. A file that is no plug-in, or one for another
    /// interface, is refused with a reason.
    public static func open(_ path: String, host: PluginHost) throws(PluginRefusal) -> PluginLibrary {
        let contents = try read(path)
        return PluginLibrary(path: path, descriptor: contents.descriptor, scanned: nil, contents: contents, host: host)
    }

    /// - Parameters:
    ///   - scanned: the file whose descriptor is `descriptor`: what is loaded later must be that.
    init(path: String, descriptor: PluginDescriptor, scanned: FileIdentity?, contents: Contents? = nil, host: PluginHost) {
        self.path = path
        self.descriptor = descriptor
        self.scanned = scanned
        self.host = host
        self.contents = Mutex(contents.map { .success($0) })
    }

    /// Loads a file into this process and reads its descriptor.
    static func read(_ path: String) throws(PluginRefusal) -> Contents {
        try checkFileType(path)
        // A path with a slash is never searched for; RTLD_LOCAL keeps the symbols of two plug-ins apart.
        guard let handle = dlopen(path.contains("/") ? path : "./\(path)", RTLD_NOW | RTLD_LOCAL) else {
            throw PluginRefusal(path, "\(PluginRefusal.loaderWords)\(loaderError(path))")
        }
        guard let symbol = dlsym(handle, AQT_ENTRY_NAME) else {
            // Not even this library is unloaded: where it was written in Swift, the runtime still looks through its tables, and
            // the process dies at some later cast.
            throw PluginRefusal(path, missingEntry(handle))
        }
        typealias Entry = @convention(c) () -> UnsafePointer<aqt_plugin>?
        guard let pointer = unsafeBitCast(symbol, to: Entry.self)() else {
            throw PluginRefusal(path, "\(AQT_ENTRY_NAME)() returned NULL: the library is a broken build")
        }
        var reader = DescriptorReader()
        guard let descriptor = reader.read(pointer) else {
            throw PluginRefusal(path: path, reasons: reader.faults)
        }
        return Contents(descriptor: descriptor, functions: reader.stagePointers.map { StageFunctions(pointer: $0) }, initialise: reader.initialise)
    }

    /// The functions of a stage. Loads the library, if that was not done yet.
    func functions(of index: Int) throws(StageError) -> StageFunctions { try loaded().functions[index] }

    private func loaded() throws(StageError) -> Contents {
        let result = contents.withLock { state -> Result<Contents, StageError> in
            if let state { return state }
            let result: Result<Contents, StageError>
            do throws(StageError) {
                result = .success(try load())
            } catch {
                result = .failure(error)
            }
            state = result
            return result
        }
        return try result.get()
    }

    private func load() throws(StageError) -> Contents {
        func fault(_ message: String) -> StageError { StageError(code: .unsupported, stage: "", plugin: descriptor.name, message: "\(path) \(message)") }
        let changed = "has changed since it was scanned: run the command again"
        guard scanned == nil || FileIdentity(path) == scanned else { throw fault(changed) }
        let contents: Contents
        do throws(PluginRefusal) {
            contents = try StageMarks.during(WorkerBoard.Call.text(stage: "", plugin: descriptor.name, function: "dlopen()")) { () throws(PluginRefusal) in
                try Self.read(path)
            }
        } catch {
            throw fault(error.reasons.joined(separator: "; "))
        }
        guard scanned == nil || FileIdentity(path) == scanned else { throw fault(changed) }
        guard contents.descriptor == descriptor else {
            throw fault("says something else of itself than when it was scanned: its descriptor must be the same in every process; 'aquatint plugins list --rescan' scans it again")
        }
        return contents
    }

    /// Calls the plug-in's `init` once, before the first `create`. Later calls give the result of the first.
    func start() throws(StageError) -> UnsafePointer<aqt_host> {
        let initialise = try loaded().initialise
        let result = initialised.withLock { state -> Result<Void, StageError> in
            if let state { return state }
            let result = callInit(initialise)
            state = result
            return result
        }
        try result.get()
        return host.pointer
    }

    private func callInit(_ initialise: (@convention(c) (UnsafePointer<aqt_host>?, UnsafeMutablePointer<aqt_error>?) -> Int32)?) -> Result<Void, StageError> {
        guard let initialise else { return .success(()) }
        var error = emptyStruct(aqt_error.self)
        let code = StageMarks.during(WorkerBoard.Call.text(stage: "", plugin: descriptor.name, function: "init()")) { initialise(host.pointer, &error) }
        guard code != AQT_OK else { return .success(()) }
        return .failure(StageError(code, error, stage: "", plugin: descriptor.name, call: "init()"))
    }
}

/// The C functions of a stage. Const data of the library, which stays loaded.
struct StageFunctions: @unchecked Sendable {
    let pointer: UnsafePointer<aqt_stage>

    var stage: aqt_stage { pointer.pointee }
}

extension StageError {
    /// The error of a call that did not return `AQT_OK`.
    init(_ result: Int32, _ error: aqt_error, stage: String, plugin: String, call: String) {
        let message = readMessage(error.message), parameter = readMessage(error.param)
        let isKnown = (AQT_E_INTERNAL...AQT_E_PARAM).contains(Int(result))
        let text = isKnown ? "" : "\(call) returned \(result), which is no result code"
        self.init(code: Code(result: result), stage: stage, plugin: plugin, parameter: parameter.isEmpty ? nil : parameter,
                  message: [text, message].filter { !$0.isEmpty }.joined(separator: ": "))
        if self.message.isEmpty { self.message = "\(call) failed and gave no message (\(code))" }
    }
}

/// Says in plain words what dlopen() would say in its own: that a file is no shared library, or one for another machine.
func checkFileType(_ path: String) throws(PluginRefusal) {
    let file = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else { throw PluginRefusal(path, "cannot be read: \(String(cString: strerror(errno)))") }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { throw PluginRefusal(path, "is no regular file") }
    var header = [UInt8](repeating: 0, count: 64)
    let count = header.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
    guard count == 64, header.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else {
        throw PluginRefusal(path, "is no shared library: it does not start as an ELF file")
    }
    // e_ident[EI_CLASS] and e_type of the ELF header.
    guard header[4] == 2 else { throw PluginRefusal(path, "is a 32-bit library; plug-ins are 64-bit") }
    guard header[16] == 3 else { throw PluginRefusal(path, "is an ELF file, but no shared library: link it with -shared") }
}

private func loaderError(_ path: String) -> String {
    let text = dlerror().map { cleaned(String(cString: $0)) } ?? "no reason given"
    return text.hasPrefix("\(path): ") ? String(text.dropFirst(path.count + 2)) : text
}

/// Why a library has no entry for this interface.
private func missingEntry(_ handle: UnsafeMutableRawPointer) -> String {
    for major in 2...9 where dlsym(handle, "aqt_plugin_entry_v\(major)") != nil {
        return "is built for version \(major) of the plug-in interface, and this program has version \(AQT_ABI_MAJOR): "
            + "get the plug-in for version \(AQT_ABI_MAJOR), or a newer program"
    }
    return "is no plug-in: it does not export \(AQT_ENTRY_NAME)"
}
