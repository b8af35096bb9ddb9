public import ArgumentParser
import Foundation
public import Inference
import PipelineLanguage
public import Runner
import StageHost

/// Where plug-ins and pipelines are looked for: taken by every command that needs them.
struct PathOptions: ParsableArguments {
    @Option(name: .customLong("plugin-path"), help: ArgumentHelp("Folders with plug-ins, looked into first; separated by colons.", valueName: "dirs"))
    var pluginPath: [String] = []

    @Option(name: .customLong("pipeline-path"), help: ArgumentHelp("Folders in which bare pipeline names are looked up first.", valueName: "dirs"))
    var pipelinePath: [String] = []

    /// libvips and the plug-ins. Says on standard error which plug-ins are not used, unless `isQuiet`.
    ///
    /// - Parameter rescans: look at every plug-in anew, whatever was found before.
    func library(isQuiet: Bool = false, rescans: Bool = false) throws -> StageLibrary {
        let host = PluginHost(version: AquatintVersion.text) { level, text in
            if level >= .warning { Terminal.standardError("plug-in: \(text)\n") }
        }
        let search = PluginSearch(option: pluginPath, environment: ProcessInfo.processInfo.environment, executable: PluginSearch.executable)
        do {
            let scanner = PluginScanner(program: PluginSearch.executable ?? "/proc/self/exe", version: AquatintVersion.text, cacheFolder: cacheFolder, rescans: rescans)
            let library = try StageLibrary(search: search, host: host, scanner: scanner)
            if !isQuiet {
                for report in library.plugins.reports where report.status != .ok {
                    let fate = report.status == .quarantined ? "is in quarantine: it " : ""
                    Terminal.standardError("plug-in \(report.path) \(fate)\(report.reason ?? "is refused")\n")
                }
            }
            return library
        } catch {
            throw RunError(.unavailable, "libvips cannot be started: \(error.message)")
        }
    }

    var lookup: PipelineLookup {
        PipelineLookup(option: pipelinePath, environment: ProcessInfo.processInfo.environment, executable: PluginSearch.executable)
    }
}

/// What a run takes of the machine, and how it computes networks: taken by `run`, and by `explain`, which shows what comes of it.
struct ComputeOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: ArgumentHelp("Images in flight.", valueName: "n"))
    var jobs: Int?

    @Option(name: .customLong("max-memory"), help: ArgumentHelp("Memory for the whole run, such as 2GiB; half of the machine's by default.", valueName: "size"))
    var maxMemory: String?

    @Option(help: ArgumentHelp("Arithmetic of neural stages. auto is f32, or a faster type of the device where probes prove it right.", valueName: "auto|f32|f16|bf16"))
    var precision = PrecisionRequest.auto

    @Option(help: "The inference engine's device, such as CPU or GPU.")
    var device = "CPU"

    @Flag(name: .customLong("no-fuse"), help: "Run neighbouring network stages one by one.")
    var noFuse = false

    func settings(output: String = "") throws(RunError) -> RunSettings {
        if let jobs, jobs < 1 { throw RunError(.usage, "--jobs takes a number from 1") }
        var run = RunSettings(output: output)
        run.jobs = jobs
        run.memory = try maxMemory.map(bytes)
        run.precision = precision
        run.device = device.lowercased() == "auto" ? "CPU" : device
        run.fuses = !noFuse
        run.cacheFolder = cacheFolder
        return run
    }
}

/// A pipeline as it was found and read.
struct LoadedPipeline {
    var source: SourceText
    var pipeline: Pipeline?
    var diagnostics: [Diagnostic]

    var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }

    /// Reads and checks a file. What is wrong with it is in `diagnostics`.
    init(_ name: String, lookup: PipelineLookup, library: StageLibrary, set: [String: String]) throws(RunError) {
        let path = try lookup.find(name)
        let bytes = try PipelineLookup.read(path)
        do throws(Diagnostics) {
            source = try SourceText(name: path, bytes: bytes)
        } catch {
            source = SourceText(name: path, text: "")
            diagnostics = error.all
            return
        }
        do throws(Diagnostics) {
            let (pipeline, warnings) = try Pipeline.read(source)
            self.pipeline = pipeline
            diagnostics = warnings + pipeline.validate(against: library.catalogue, set: set)
        } catch {
            diagnostics = error.all
        }
    }

    func print(_ terminal: Terminal) {
        for diagnostic in diagnostics { Terminal.standardError(diagnostic.rendered(source: source) + "\n") }
    }

    /// The status that the worst diagnostic stands for.
    var status: ExitStatus? {
        let codes = Set(diagnostics.filter { $0.severity == .error }.map(\.code))
        if codes.isEmpty { return nil }
        if codes.contains(.setting) { return .usage }
        return codes.isSubset(of: [.missingPlugin]) ? .unavailable : .invalidPipeline
    }

    /// The pipeline, or the diagnostics on standard error and the status that they stand for.
    func usable(_ terminal: Terminal) throws -> Pipeline {
        print(terminal)
        if let status { throw status }
        guard let pipeline else { throw ExitStatus.invalidPipeline }
        return pipeline
    }
}

/// `--set name=value`, several times.
func settings(_ list: [String]) throws(RunError) -> [String: String] {
    var result: [String: String] = [:]
    for item in list {
        guard let equals = item.firstIndex(of: "="), equals != item.startIndex else {
            throw RunError(.usage, "--set takes name=value, not '\(item)'")
        }
        let name = String(item[..<equals])
        guard result.updateValue(String(item[item.index(after: equals)...]), forKey: name) == nil else {
            throw RunError(.usage, "--set gives '\(name)' twice")
        }
    }
    return result
}

/// `2GiB`, `500M`, `1000000`: bytes.
func bytes(_ text: String) throws(RunError) -> Int {
    let digits = text.prefix { $0.isNumber || $0 == "." }
    let factors: [String: Double] = [
        "": 1, "B": 1, "K": 1e3, "KB": 1e3, "M": 1e6, "MB": 1e6, "G": 1e9, "GB": 1e9, "T": 1e12, "TB": 1e12,
        "KI": 1024, "KIB": 1024, "MI": 1_048_576, "MIB": 1_048_576, "GI": 1_073_741_824, "GIB": 1_073_741_824, "TI": 1_099_511_627_776, "TIB": 1_099_511_627_776,
    ]
    guard let number = Double(digits), let factor = factors[text.dropFirst(digits.count).uppercased()], number * factor >= 1_048_576, number * factor < 1e18 else {
        throw RunError(.usage, "'\(text)' is no size of at least 1 MiB; write 2GiB or 500M")
    }
    return Int(number * factor)
}

extension Terminal.Colour: ExpressibleByArgument {}
extension RunSettings.Overwrite: ExpressibleByArgument {}

extension PrecisionRequest: ExpressibleByArgument {
    public init?(argument: String) { self.init(name: argument) }
    public static var allValueStrings: [String] { allNames }
    public var defaultValueDescription: String { description }
}

/// Where this process may keep what it finds out.
var cacheFolder: String? {
    CacheLocation.folder(environment: ProcessInfo.processInfo.environment, current: FileManager.default.currentDirectoryPath)
}
