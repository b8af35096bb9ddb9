import ArgumentParser
import Foundation
import PipelineLanguage
import Runner
import StageHost

/// `aquatint plugins check FILE`.
struct PluginCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Test whether a plug-in keeps the promises of the interface.",
        discussion: "Loads the plug-in in processes of its own and calls its stages with guarded tiles, odd sizes, every parameter at its bounds, and on eight threads. Exit status 0: conformant; 1: not; 65: no plug-in; 66: no such file.")

    @Argument(help: "The plug-in's library.")
    var file: String

    @Option(name: .customLong("set"), help: ArgumentHelp("A parameter's value, for stages that need a file.", valueName: "name=value"))
    var set: [String] = []

    @Flag(help: "One JSON object on standard output.")
    var json = false

    func run() throws {
        let values = try settings(set)
        let path = URL(filePath: file).path
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { throw RunError(.inputMissing, "there is no file '\(file)'") }
        guard !isFolder.boolValue else { throw RunError(.invalidPipeline, "'\(file)' is a folder, and no plug-in") }
        let report = ConformanceCheck(program: PluginSearch.executable ?? "/proc/self/exe", values: values).check(path)
        Terminal.standardOutput(json ? object(report).text(pretty: true) + "\n" : text(report))
        if !report.isPlugin { throw ExitStatus.invalidPipeline }
        if !report.isConformant { throw ExitStatus.someFailed }
    }

    private func text(_ report: ConformanceReport) -> String {
        var text = report.path
        if let plugin = report.descriptor { text += ": \(plugin.name) \(plugin.version), interface \(plugin.abi), \(plugin.stages.map(\.id).joined(separator: ", "))" }
        text += "\n"
        for finding in report.findings {
            text += "  \(finding.severity.rawValue): \(finding.stage.map { "\($0): " } ?? "")\(finding.message)\n"
            if !finding.advice.isEmpty { text += "    \(finding.advice)\n" }
        }
        let errors = report.findings.count { $0.severity == .error }, warnings = report.findings.count { $0.severity == .warning }
        func count(_ number: Int, _ word: String) -> String { "\(number) \(word)\(number == 1 ? "" : "s")" }
        if !report.isPlugin { return text + "no plug-in\n" }
        return text + (report.isConformant ? "conformant" : "not conformant") + ": \(count(errors, "error")), \(count(warnings, "warning"))\n"
    }

    private func object(_ report: ConformanceReport) -> JSON {
        func optional(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }
        return .object([
            ("v", .int(1)), ("path", .string(report.path)), ("conformant", .bool(report.isConformant)), ("name", optional(report.descriptor?.name)),
            ("version", optional(report.descriptor?.version)), ("abi", optional(report.descriptor?.abi)),
            ("findings", .array(report.findings.map { finding in
                .object([("severity", .string(finding.severity.rawValue)), ("stage", optional(finding.stage)), ("message", .string(finding.message)), ("advice", .string(finding.advice))])
            })),
        ])
    }
}
