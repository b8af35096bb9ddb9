import Foundation
import Inference
import PipelineLanguage
import StageHost
import Synchronization
import Vips

@testable import Runner

/// A folder that goes away with its owner.
final class Scratch: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "aquatint-runner-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.resolvingSymlinksInPath().path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func callAsFunction(_ name: String) -> String { name.isEmpty ? path : "\(path)/\(name)" }

    /// Writes a text, with the folders that it needs.
    func write(_ name: String, _ text: String = "x") throws {
        try FileManager.default.createDirectory(atPath: Path.directory(self(name)), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: self(name)))
    }

    func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: self(name), withDestinationPath: target)
    }

    /// Everything below the folder, or below one in it, sorted; folders are left out.
    func files(_ folder: String = "") -> [String] {
        guard let all = FileManager.default.enumerator(atPath: self(folder)) else { return [] }
        return all.compactMap { $0 as? String }.filter { FileStatus("\(self(folder))/\($0)")?.kind == .file }.sorted()
    }
}

/// libvips without plug-ins.
enum Libvips {
    static func library() throws -> StageLibrary {
        try shared.get()
    }

    private static let shared = Result {
        try StageLibrary(search: PluginSearch(option: [], environment: [:], executable: nil), host: PluginHost(version: "test") { _, _ in })
    }
}

extension RunRequest {
    /// A request for a pipeline without `version`, which is added.
    static func of(_ text: String, in folder: Scratch? = nil, set: [String: String] = [:]) throws -> RunRequest {
        let library = try Libvips.library()
        let source = SourceText(name: "\(folder?.path ?? "/nowhere")/p.yaml", text: "version: 1\n" + text)
        let (pipeline, _) = try Pipeline.read(source)
        let errors = pipeline.validate(against: library.catalogue, set: set).filter { $0.severity == .error }
        if !errors.isEmpty { throw Diagnostics(errors) }
        return try RunRequest(library: library, pipeline: pipeline, set: set, neural: NeuralSettings(threads: 1), memory: 1 << 30)
    }
}

extension RunSession {
    static func of(_ text: String, in folder: Scratch? = nil, set: [String: String] = [:]) throws -> RunSession { try RunSession(.of(text, in: folder, set: set)) }
}

/// Small pictures: gradients in every band, so that none is flat.
enum Picture {
    static func bytes(_ width: Int, _ height: Int, _ bands: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        for y in 0..<height {
            for x in 0..<width {
                for band in 0..<bands { bytes.append(UInt8((band * 50 + x * 3 + y * 2) % 256)) }
            }
        }
        return bytes
    }

    static func make(_ width: Int = 40, _ height: Int = 30, bands: Int = 3) throws -> Image {
        try Image.samples(bytes(width, height, bands), width: width, height: height, bands: bands, format: .uchar,
                          interpretation: bands < 3 ? .blackAndWhite : .srgb)
    }
}

/// The events of a run, in order.
final class Events: Sendable {
    private let list = Mutex<[RunEvent]>([])
    func take(_ event: RunEvent) { list.withLock { $0.append(event) } }

    var images: [ImageReport] {
        list.withLock { $0 }.compactMap { if case .imageFinished(let report) = $0 { report } else { nil } }.sorted { $0.index < $1.index }
    }
    var notes: [String] { images.flatMap(\.notes) }
}

/// Runs a pipeline over what lies in `inputs`.
@discardableResult
func run(_ text: String, _ inputs: [String], in folder: Scratch, to output: String = "out", stop: StopSignal = StopSignal(), events: Events = Events(),
         _ change: (inout RunSettings) -> Void = { _ in }) throws -> RunSummary {
    let request = try RunRequest.of(text, in: folder)
    var settings = RunSettings(output: folder(output))
    // Workers are copies of the program, which this process is not: the tests of the command line have them.
    settings.inProcess = true
    change(&settings)
    var selection = InputSelection(arguments: inputs.map { folder($0) })
    selection.output = settings.output
    let found = try selection.resolve(knownExtensions: ["png", "jpg", "tif", "v"]) { Image.loader(forFile: $0) != nil }
    let plan = try RunPlan(found, request: request, settings: settings)
    let schedule = Schedule(images: plan.images.count, settings: settings)
    return try Batch(plan, request: request, settings: settings, schedule: schedule, crew: try Crew(request, schedule: schedule, images: plan.images.count, settings: settings), stop: stop) { events.take($0) }.run()
}

/// The error of a kind that `body` throws; nil where it throws none or another.
func runError<Result>(_ body: () throws -> Result) -> RunError? {
    do {
        _ = try body()
        return nil
    } catch {
        return error as? RunError
    }
}
