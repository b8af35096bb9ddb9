import Inference
import PipelineLanguage
import Runner
import StageHost

/// A resolved pipeline as text and as JSON.
struct ExplanationPrinter {
    let session: RunSession
    let schedule: Schedule
    /// nil where no input was given.
    let explanation: Explanation?

    var text: String {
        var lines: [String] = []
        let pipeline = session.pipeline
        lines.append(pipeline.source.name + (pipeline.description.map { ": \($0)" } ?? ""))
        if !pipeline.variables.isEmpty {
            lines.append("variables")
            for variable in pipeline.variables {
                let value = session.variables[variable.name].map(\.description) ?? "not set"
                lines.append("  \(variable.name) = \(value)\(variable.doc.isEmpty ? "" : "   \(variable.doc)")")
            }
        }
        guard let explanation else { return (lines + staticStages).joined(separator: "\n") + "\n" }
        lines.append("input     \(explanation.input), \(explanation.access) access")
        lines.append("assumed   \(assumption)")
        lines.append("stages")
        for stage in explanation.stages { lines += describe(stage) }
        lines.append("outputs")
        for output in explanation.outputs { lines.append("  \(output)") }
        if let memory = explanation.memory { lines.append("memory    about \(byteText(memory)) for the largest network run") }
        for note in explanation.notes { lines.append("note      \(note)") }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The run that is shown, in words.
    private var assumption: String {
        let neural = schedule.neural
        let memory = "\(byteText(schedule.memoryPerImage(session.pipeline))) of memory"
        return (schedule.jobs == 1 ? "one image in flight, with \(memory)" : "\(schedule.jobs) images in flight, each with \(memory)")
            + ", precision \(neural.precision) on \(neural.device)" + (neural.fuses ? "" : ", networks one by one")
    }

    private var staticStages: [String] {
        var lines = ["stages"]
        for (index, use) in session.pipeline.stages.enumerated() {
            let stage = session.library.catalogue[use.name]
            lines.append("  \(index + 1): \(use.name)   \(stage.map { "\($0.kind.rawValue), \($0.library): \($0.summary)" } ?? "")")
        }
        lines.append("outputs")
        for output in session.pipeline.outputs { lines.append("  \(output.file.source)") }
        lines.append("(give an image to see sizes, tiles and memory)")
        return lines
    }

    private func describe(_ stage: StageTrace) -> [String] {
        let arguments = stage.arguments.sorted { $0.key < $1.key }.filter { if case .image(.previous) = $0.value { false } else { true } }
            .map { "\($0.key): \($0.value)" }.joined(separator: ", ")
        var lines = ["  \(stage.label)\(arguments.isEmpty ? "" : " {\(arguments)}")" + (stage.note.map { " (\($0))" } ?? "")]
        lines.append("      -> \(stage.summary)")
        if let network = stage.network {
            let halo = network.halo
            let numbers = stage.group.map { String($0 + 1) }.joined(separator: ", ")
            lines.append("      network\(stage.group.count > 1 ? " of stages \(numbers)" : ""): \(network.kind), scale \(network.scale.x) x \(network.scale.y), stride \(network.stride.x) x \(network.stride.y), "
                + "halo left \(halo.left) right \(halo.right) top \(halo.top) bottom \(halo.bottom)\(origin(ofHaloIn: network))")
            lines.append("      " + (network.isWhole ? "run whole" : "\(network.tiles) tiles of \(network.tile.width) x \(network.tile.height)\(network.streams > 1 ? ", \(network.streams) at a time" : "")")
                + ", \(network.precision.rawValue) on \(network.device), about \(byteText(network.memory))")
            if network.passes > 0 {
                lines.append("      statistics over the whole picture: \(network.passes) pass\(network.passes == 1 ? "" : "es") over it before"
                    + (network.work.map { ", in all \(($0 * 10).rounded() / 10) times the work of one run" } ?? ""))
            }
            if let reason = network.precisionReason { lines.append("      \(network.precision.rawValue) chosen: \(reason)") }
            for reason in network.deciding.prefix(5) { lines.append("      \(network.passes > 0 ? "synchronised" : "not tileable"): \(reason)") }
            if let reason = stage.refusal { lines.append("      not one network with the stage before: \(reason)") }
        }
        return lines
    }

    private func origin(ofHaloIn network: NetworkReport) -> String {
        guard network.isApproximate else { return "" }
        return network.haloError == nil ? " (given, approximate)" : " (measured, not guaranteed)"
    }

    var json: JSON {
        let stages = explanation?.stages ?? []
        return .object([
            ("v", .int(1)), ("assumed", assumed), ("access", explanation.map { .string($0.access) } ?? .null),
            ("stages", .array(explanation == nil ? session.pipeline.stages.map { .object([("label", .string($0.name))]) } : stages.map { stage in
                .object([
                    ("label", .string(stage.label)), ("width", .int(stage.size.width)), ("height", .int(stage.size.height)), ("image", .string(stage.summary)),
                    ("arguments", .object(stage.arguments.sorted { $0.key < $1.key }.map { ($0.key, JSON($0.value)) })), ("note", stage.note.map { .string($0) } ?? .null),
                ])
            })),
            ("networks", .array(stages.compactMap { stage in stage.network.map { network($0, stage) } })),
            ("outputs", .array((explanation?.outputs ?? []).map { .string($0) })),
            ("notes", .array((explanation?.notes ?? []).map { .string($0) })),
            ("memory_bytes", explanation?.memory.map { .int($0) } ?? .null),
        ])
    }

    private var assumed: JSON {
        let neural = schedule.neural
        return .object([
            ("jobs", .int(schedule.jobs)), ("memory_bytes", .int(schedule.memoryPerImage(session.pipeline))), ("threads", .int(neural.threads)),
            ("precision", .string(neural.precision.description)), ("device", .string(neural.device)), ("fused", .bool(neural.fuses)),
        ])
    }

    private func network(_ network: NetworkReport, _ stage: StageTrace) -> JSON {
        .object([
            ("stages", .array(stage.group.map { .int($0 + 1) })), ("class", .string(network.kind)), ("scale", .array([.string(network.scale.x), .string(network.scale.y)])),
            ("stride", .array([.int(network.stride.x), .int(network.stride.y)])),
            ("halo", .object([("left", .int(network.halo.left)), ("right", .int(network.halo.right)), ("top", .int(network.halo.top)), ("bottom", .int(network.halo.bottom))])),
            ("tile", .array([.int(network.tile.width), .int(network.tile.height)])), ("tiles", .int(network.tiles)), ("streams", .int(network.streams)), ("precision", .string(network.precision.rawValue)),
            ("precision_reason", network.precisionReason.map { .string($0) } ?? .null), ("halo_measured_error", network.haloError.map { .double($0) } ?? .null),
            ("passes", .int(network.passes)), ("work", network.work.map { .double($0) } ?? .null), ("fused", .bool(stage.group.count > 1)),
            ("not_fused_because", stage.refusal.map { .string($0) } ?? .null),
        ])
    }
}
