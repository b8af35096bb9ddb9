import ArgumentParser
import Foundation
import Inference
import PipelineLanguage
import Runner
import StageHost
import Vips

struct Stages: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the stages that a pipeline can name, or describe one.")

    @Argument(help: "A stage.")
    var name: String?

    @Flag(help: "JSON on standard output.")
    var json = false

    @OptionGroup var paths: PathOptions

    func run() throws {
        let catalogue = try paths.library(isQuiet: json).catalogue
        guard let name else {
            Terminal.standardOutput(json ? catalogue.json.text() + "\n" : list(catalogue))
            return
        }
        if let claimants = catalogue.claimants(of: name) {
            throw RunError(.unavailable, "the stage '\(name)' is claimed by \(claimants.joined(separator: " and ")), and so by none")
        }
        guard let stage = catalogue[name] ?? catalogue.codec(name) else {
            if let reason = catalogue.whyUnusable(name) { throw RunError(.unavailable, "the stage '\(name)' cannot be used: \(reason)") }
            let nearest = catalogue.nearest(to: name).map { "did you mean '\($0)'?" }
            throw RunError(name.contains(".") ? .unavailable : .usage, "there is no stage '\(name)'", hint: nearest)
        }
        let models = try shippedModels(for: stage.name)
        Terminal.standardOutput(json ? object(stage, models).text(pretty: true) + "\n" : describe(stage) + list(models))
    }

    /// The weights on the model path that can be named by their bare names in this stage.
    private func shippedModels(for stage: String) throws -> [ModelIndex.Entry] {
        let folders = FileLookup.modelPath(environment: ProcessInfo.processInfo.environment, executable: PluginSearch.executable)
        var models: [ModelIndex.Entry] = []
        for folder in folders {
            do {
                // The first of a name is the one that is found.
                for entry in try ModelIndex(folder: folder)?.entries ?? [] where entry.stage == stage && !models.contains(where: { $0.name == entry.name }) {
                    models.append(entry)
                }
            } catch {
                throw RunError(.unavailable, error.message)
            }
        }
        return models
    }

    private func list(_ models: [ModelIndex.Entry]) -> String {
        guard !models.isEmpty else { return "" }
        return "weights, by their bare names\n" + models.map { "  \($0.name): \($0.summary)\n" }.joined()
    }

    private func object(_ stage: StageDescription, _ models: [ModelIndex.Entry]) -> JSON {
        guard !models.isEmpty, case .object(let entries) = stage.json() else { return stage.json() }
        return .object(entries + [("weights", .array(models.map {
            .object([("name", .string($0.name)), ("summary", .string($0.summary)), ("file", .string($0.file)), ("sha256", .string($0.sha256))])
        }))])
    }

    private func list(_ catalogue: Catalogue) -> String {
        let own = catalogue.all.filter { $0.kind != .vips }, vips = catalogue.all.filter { $0.kind == .vips }
        let width = (catalogue.all.map(\.name.count).max() ?? 0) + 2
        func lines(_ stages: [StageDescription]) -> String {
            stages.map { "  \($0.name.padding(toLength: width, withPad: " ", startingAt: 0))\($0.summary)\n" }.joined()
        }
        return "from plug-ins\n\(lines(own))from libvips\n\(lines(vips))"
    }

    private func describe(_ stage: StageDescription) -> String {
        var text = "\(stage.name): \(stage.summary)\n  \(stage.kind.rawValue) stage of \(stage.library)\n"
        for note in stage.notes { text += "  \(note)\n" }
        if !stage.inputs.isEmpty { text += "images\n" }
        for (index, input) in stage.inputs.enumerated() {
            let role = index == 0 ? "the running image unless the file says otherwise" : input.optional ? "optional" : "required"
            text += "  \(input.name)\(input.isList ? " (a list)" : ""): \(role). \(input.doc)\n"
        }
        if !stage.parameters.isEmpty { text += "parameters\n" }
        for parameter in stage.parameters where !parameter.isDeprecated {
            var facts = [parameter.type.rawValue]
            if parameter.required { facts.append("required") }
            if let fallback = parameter.fallback { facts.append("default \(fallback)") }
            if let minimum = parameter.minimum, let maximum = parameter.maximum { facts.append("\(short(minimum)) to \(short(maximum))") }
            if let unit = parameter.unit { facts.append(unit) }
            text += "  \(parameter.name): \(facts.joined(separator: ", ")). \(parameter.doc)\n"
            if !parameter.choices.isEmpty { text += "    one of \(parameter.choices.joined(separator: ", "))\n" }
        }
        let values = stage.outputs.filter { !$0.isImage }
        if !values.isEmpty { text += "numbers for set\n" + values.map { "  \($0.name): \($0.type.rawValue)\n" }.joined() }
        return text
    }

    private func short(_ number: Double) -> String {
        number.rounded() == number && abs(number) < 1e15 ? String(Int(number)) : String(format: "%g", number)
    }
}

struct Schema: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the JSON Schema (draft-07) of pipeline files, for editors.")
    @OptionGroup var paths: PathOptions

    func run() throws {
        Terminal.standardOutput(JSONSchema.schema(for: try paths.library(isQuiet: true).catalogue) + "\n")
    }
}

struct Plugins: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Plug-ins.", subcommands: [List.self, PluginCheck.self, New.self], defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the plug-ins that are found, and why some are refused.")

        @Flag(help: "JSON on standard output.")
        var json = false

        @Flag(help: "Look at every plug-in anew, also at those in quarantine.")
        var rescan = false

        @OptionGroup var paths: PathOptions

        func run() throws {
            let plugins = try paths.library(isQuiet: true, rescans: rescan).plugins
            if json {
                Terminal.standardOutput(JSON.array(plugins.reports.map(object)).text(pretty: true) + "\n")
                return
            }
            for report in plugins.reports {
                switch report.status {
                case .ok:
                    let name = "\(report.name ?? "") \(report.version ?? "")"
                    Terminal.standardOutput("\(name): \(report.stages.joined(separator: ", "))\n  \(report.path), interface \(report.abi ?? "?"), \(report.licence ?? "no licence named")\n  sha256 \(report.sha256 ?? "cannot be read")\n")
                case .refused:
                    Terminal.standardOutput("refused: \(report.path) \(report.reason ?? "")\n")
                case .quarantined:
                    Terminal.standardOutput("quarantined: \(report.path) \(report.reason ?? "")\n  left alone until the file changes; plugins list --rescan tries it again\n")
                }
            }
            for (stage, files) in plugins.conflicts.sorted(by: { $0.key < $1.key }) {
                Terminal.standardOutput("conflict: '\(stage)' is claimed by \(files.joined(separator: " and ")), and so by none\n")
            }
            for (name, files) in plugins.namesakes.sorted(by: { $0.key < $1.key }) {
                Terminal.standardOutput("namesakes: \(files.joined(separator: " and ")) call themselves '\(name)', so that no pipeline can require it\n")
            }
            if plugins.reports.isEmpty { Terminal.standardOutput("none; looked in \(plugins.folders.map(\.path).joined(separator: ", "))\n") }
        }

        private func object(_ report: PluginReport) -> JSON {
            func text(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }
            return .object([
                ("v", .int(1)), ("path", .string(report.path)), ("status", .string(report.status.rawValue)), ("reason", text(report.reason)), ("name", text(report.name)),
                ("version", text(report.version)), ("abi", text(report.abi)), ("licence", text(report.licence)), ("sha256", text(report.sha256)),
                ("stages", .array(report.stages.map { .string($0) })),
            ])
        }
    }
}

struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Say what is there and what is missing: libvips, formats, engine, plug-ins.")
    @OptionGroup var paths: PathOptions

    func run() throws {
        let library = try paths.library(isQuiet: true)
        var text = "aquatint \(AquatintVersion.text)\nlibvips \(library.catalogue.libraries["libvips"] ?? "?"), \(library.catalogue.all.count { $0.kind == .vips }) operations\n"
        text += "reads   \(suffixes(.load))\nwrites  \(suffixes(.save))\n"
        do {
            let engine = try OpenVINO.load(EngineLocation.all())
            text += "engine  \(engine.name) \(engine.version)\n"
            for device in try engine.devices() { text += "        \(device.name): \(device.fullName), \(device.precisions.map(\.rawValue).joined(separator: " "))\n" }
        } catch {
            text += "engine  missing: \(error.message)\n"
        }
        for report in library.plugins.reports {
            text += report.status == .ok ? "plug-in \(report.name ?? "?") \(report.version ?? "?"): \(report.stages.joined(separator: ", "))\n"
                : "plug-in \(report.status.rawValue): \(report.path) \(report.reason ?? "")\n"
        }
        text += "cores   \(Machine.cores), memory \(byteText(Machine.memory))\n"
        Terminal.standardOutput(text)
    }

    private func suffixes(_ direction: VipsLibrary.Format.Direction) -> String {
        Set(VipsLibrary.formats.filter { $0.direction == direction }.flatMap(\.suffixes)).sorted().joined(separator: " ")
    }
}
