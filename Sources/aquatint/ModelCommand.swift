public import ArgumentParser
import Foundation
import Inference
public import ONNX
import PipelineLanguage
import Runner

struct ModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "model", abstract: "Look into ONNX models.", subcommands: [Info.self, Time.self])

    struct Info: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Scale, stride, halo, class, memory and cost of a model.")

        @Argument(help: "An ONNX file.")
        var file: String

        @Option(help: "The input that takes the picture, where there are several.")
        var input: String?

        @Option(help: "The output to look at, where there are several.")
        var output: String?

        @Option(help: "The order of the axes, nchw or nhwc; the graph's own where not given.")
        var layout: ImageLayout?

        @Flag(help: "JSON on standard output.")
        var json = false

        @Flag(inversion: .prefixedNo, help: "Run the model on small images to see whether it does what is said of it; unless said otherwise, where that takes seconds.")
        var probe: Bool?

        func run() throws {
            let report: ModelReport
            do {
                // Without an engine all but its operators can be told, and whether it agrees.
                let engine = probe == true ? try OpenVINO.load(EngineLocation.all()) : try? OpenVINO.load(EngineLocation.all())
                report = try ModelReport(try Model(contentsOf: file), .init(input: input, output: output, layout: layout), engine: engine, probes: probe)
            } catch {
                let text = (error as? EngineError)?.message ?? "\(error)"
                throw RunError(.unavailable, text.contains(file) ? text : "\(file): \(text)")
            }
            Terminal.standardOutput(json ? report.json.text(pretty: true) + "\n" : report.text(file))
        }
    }
}

extension ImageLayout: ExpressibleByArgument {}
