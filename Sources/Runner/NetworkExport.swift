internal import Foundation
internal import PipelineLanguage
public import StageHost

/// The network stages of a pipeline as an ONNX file.
///
/// They must follow each other. Stages before and after them are left out, and named: the file begins and ends where the networks do.
public struct NetworkExport: Sendable {
    public let network: ExportedNetwork
    /// The stages that are not part of the file, as `1: thumbnail_image`.
    public let leftOut: [String]

    /// - Throws: `RunError` that names the stage which cannot be part of such a file, and why.
    public init(_ session: RunSession) throws(RunError) {
        let pipeline = session.pipeline, environment = Environment(variables: session.variables)
        var stages: [(description: StageDescription, arguments: [String: Value])] = [], waiting: [String] = [], leftOut: [String] = []
        for (index, use) in pipeline.stages.enumerated() {
            func refusal(_ reason: String) -> RunError {
                RunError(.invalidPipeline, "\(pipeline.source.name):\(use.mark.line):\(use.mark.column): stage \(index + 1) (\(use.name)) \(reason)")
            }
            let label = "\(index + 1): \(use.name)"
            let isEnabled: Bool
            do {
                isEnabled = try use.isEnabled(in: environment, pipeline: pipeline)
            } catch {
                throw refusal("has a 'when' that only a picture decides: \(error.all.map(\.message).joined(separator: "; "))")
            }
            guard isEnabled else { leftOut.append("\(label) (skipped by when)"); continue }
            guard let description = session.library.catalogue[use.name], description.kind == .network else { waiting.append(label); continue }
            if let between = waiting.first, !stages.isEmpty {
                throw refusal("cannot be in one file with the networks before it: stage \(between) lies between them and is no network")
            }
            leftOut += waiting
            waiting = []
            do {
                let arguments = try use.arguments(for: description, in: environment, pipeline: pipeline)
                guard use.follows(description, arguments) || stages.isEmpty && use.inName != nil else { throw refusal("reads another image than the one before it") }
                stages.append((description, arguments))
            } catch let error as RunError {
                throw error
            } catch let error as Diagnostics {
                throw refusal("has arguments that only a picture decides: \(error.all.map(\.message).joined(separator: "; "))")
            } catch {
                throw refusal("\(error)")
            }
        }
        leftOut += waiting
        for (index, output) in pipeline.outputs.enumerated() {
            for (place, use) in output.stages.enumerated() {
                let label = "output \(index + 1), \(place + 1): \(use.name)"
                if session.library.catalogue[use.name]?.kind == .network {
                    throw RunError(.invalidPipeline, "\(pipeline.source.name):\(use.mark.line):\(use.mark.column): the network '\(use.name)' belongs to an output; only those of 'stages' can be exported")
                }
                leftOut.append(label)
            }
        }
        guard !stages.isEmpty else { throw RunError(.invalidPipeline, "\(pipeline.source.name): has no network stage to export") }
        do {
            network = try session.stages.exported(stages, of: pipeline.description ?? Path.base(pipeline.source.name))
        } catch {
            throw RunError(.invalidPipeline, "\(pipeline.source.name): \(error.description)")
        }
        self.leftOut = leftOut
    }

    /// Writes the file under a temporary name and puts it in place when it is complete.
    public func write(to path: String, overwrites: Bool) throws(RunError) {
        switch FileStatus(path)?.kind {
        case .directory: throw RunError(.cannotCreateOutput, "'\(path)' is a folder; give the name of a file", hint: "-o net.onnx")
        case .some where !overwrites: throw RunError(.cannotCreateOutput, "'\(path)' is there already", hint: "--overwrite replaces it")
        default: break
        }
        var transaction = OutputTransaction()
        let temporary = try transaction.writablePath(for: path)
        do {
            try Data(network.bytes).write(to: URL(filePath: temporary))
        } catch {
            throw RunError(.inputOutput, "'\(path)' cannot be written: \(error.localizedDescription)")
        }
        try transaction.commit()
    }
}
