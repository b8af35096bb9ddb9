import ArgumentParser
import Foundation
import NetworkSamples

/// Feeds damaged files to the readers, each input in a process that may crash.
///
/// Every input follows from its kind and its number alone, so that a finding is a number: `Fuzz --kind model --first NUMBER --count 1` runs it again, `--save`
/// writes it to a file. Exit status 1 where anything was found.
@main
struct Fuzz: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "Fuzz", abstract: "Damaged files for the readers of ONNX and safetensors, and for the engine.")

    enum Kind: String, ExpressibleByArgument, CaseIterable { case model, weights, engine }

    @Option(help: "What is fed: model (ONNX reader and analysis), weights (safetensors reader), engine (models that read, to the inference engine).")
    var kind = Kind.model

    @Option(help: "How many inputs.")
    var count: UInt64 = 1000

    @Option(help: "The number of the first input.")
    var first: UInt64 = 0

    @Option(help: "Processes side by side.")
    var jobs = 2

    @Option(help: "A further folder of files to damage.")
    var corpus: [String] = []

    @Option(help: "Write the first input to this file instead of running any.")
    var save: String?

    @Option(help: .hidden)
    var worker: String?

    func run() throws {
        let folders = [FileManager.default.currentDirectoryPath + "/Pipelines/weights"] + corpus
        if let worker {
            try Worker(inputs: Inputs(kind: kind, folders: folders), progress: worker).run(first..<first + count)
        } else if let save {
            try Data(Inputs(kind: kind, folders: folders).bytes(first)).write(to: URL(filePath: save))
        } else {
            let tally = Supervisor(kind: kind, corpus: corpus).run(first..<first + count, jobs: jobs)
            print("""
                \(count) inputs of kind \(kind.rawValue) from number \(first), \(tally.taken) of them taken, the slowest in \(tally.milliseconds) ms, \
                no process above \(tally.megabytes) MiB: \(tally.findings == 0 ? "nothing found" : "\(tally.findings) findings")
                """)
            if tally.findings > 0 { throw ExitCode.failure }
        }
    }
}

/// The inputs of a kind, by number.
struct Inputs {
    let kind: Fuzz.Kind
    private let models: ModelMutator?
    private let weights: SafetensorsMutator?

    init(kind: Fuzz.Kind, folders: [String]) throws {
        self.kind = kind
        func files(_ suffix: String) -> [[UInt8]] { folders.flatMap { FuzzSeeds.files(in: $0, suffix: suffix) } }
        switch kind {
        case .model: (models, weights) = (ModelMutator(seeds: try FuzzSeeds.models() + files(".onnx")), nil)
        // Large networks would take the engine's time for nothing.
        case .engine: (models, weights) = (ModelMutator(seeds: try FuzzSeeds.models()), nil)
        case .weights: (models, weights) = (nil, SafetensorsMutator(seeds: FuzzSeeds.weightFiles() + files(".safetensors")))
        }
    }

    func bytes(_ number: UInt64) -> [UInt8] {
        models?.model(seed: number, keepsBytes: kind == .engine) ?? weights?.file(seed: number) ?? []
    }
}
