public import ArgumentParser
import Dispatch
import Inference
import ONNX
import Runner
import Synchronization

extension ModelCommand {
    /// What the engine alone takes for tiles of a model: the bound for every run, and what a run is compared with.
    struct Time: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Time the engine alone on tiles of a model.",
            discussion: "Computes tiles of random numbers, without reading or writing pictures. `explain` shows the tiles that a run uses.")

        @Argument(help: "An ONNX file.")
        var file: String

        @Option(help: ArgumentHelp("Pixels of a tile.", valueName: "WxH"))
        var tile = "256x256"

        @Option(help: "How many tiles to compute.")
        var count = 16

        @Option(help: "Tiles computed at the same time, which share the machine's cores; 1 for each core if not given.")
        var streams: Int?

        @Option(help: "Arithmetic: f32, f16 or bf16.")
        var precision = Precision.f32

        @Option(help: "The inference engine's device.")
        var device = "CPU"

        func run() throws {
            let edges = tile.split(separator: "x").map { Int($0) ?? 0 }
            guard edges.count == 2, edges.allSatisfy({ (1...65536).contains($0) }) else { throw RunError(.usage, "--tile takes WxH, such as 512x256") }
            guard (1...1_000_000).contains(count) else { throw RunError(.usage, "--count takes 1 to 1000000") }
            guard (1...1024).contains(streams ?? 1) else { throw RunError(.usage, "--streams takes 1 to 1024") }
            do {
                let seconds = try seconds(width: edges[0], height: edges[1])
                let megapixels = Double(edges[0]) * Double(edges[1]) * Double(count) / 1e6
                Terminal.standardOutput("""
                    \(count) tiles of \(edges[0]) x \(edges[1]) in \(rounded(seconds)) s: \(rounded(1000 * seconds / Double(count))) ms a tile, \
                    \(rounded(megapixels / seconds)) megapixels a second, \(precision.rawValue) on \(device)\n
                    """)
            } catch let error as EngineError {
                throw RunError(.unavailable, "\(file): \(error.message)")
            } catch let error as ONNXError {
                throw RunError(.unavailable, "\(error)")
            }
        }

        /// The time of all tiles after one to warm up; compiling is left out.
        private func seconds(width: Int, height: Int) throws -> Double {
            let picture = try PictureModel(try Model(contentsOf: file), .init())
            let analysis = picture.analysis
            let streams = streams ?? Machine.cores
            let engine = try OpenVINO.load(EngineLocation.all())
            let network = try engine.compile(try (picture.steady() ?? picture.model).serialized(), request: CompileRequest(
                inputShapes: [analysis.input: analysis.inputShape(width: width, height: height)], precision: precision, device: device, streams: streams,
                threads: Machine.cores))
            let failure = Mutex<(any Error)?>(nil)
            @Sendable func compute() {
                do {
                    try network.run(output: analysis.output) { _, values in
                        for index in values.indices { values[index] = Float(index % 251) / 251 }
                    } read: { _, _ in }
                } catch {
                    failure.withLock { $0 = error }
                }
            }
            compute()
            let start = DispatchTime.now()
            // One more than are computed at a time: it is filled meanwhile.
            let left = Atomic<Int>(count)
            DispatchQueue.concurrentPerform(iterations: streams + 1) { _ in
                while left.subtract(1, ordering: .relaxed).newValue >= 0 { compute() }
            }
            let seconds = Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) / 1e9
            if let failure = failure.withLock({ $0 }) { throw failure }
            return max(seconds, 1e-9)
        }

        private func rounded(_ value: Double) -> String {
            let digits = value < 10 ? 1000.0 : 10
            return "\((value * digits).rounded() / digits)"
        }
    }
}

extension Precision: ExpressibleByArgument {}
