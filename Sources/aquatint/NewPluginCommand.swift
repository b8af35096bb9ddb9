import ArgumentParser
import Foundation
import Runner
import StageHost

extension Plugins {
    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the folder of a new plug-in: a stage that builds and is tested, to be changed into yours.")

        @Argument(help: ArgumentHelp("The stage's name, such as acme.grain; also that of the folder.", valueName: "name"))
        var name: String

        @Option(help: "What it is written in: swift, c or cpp.")
        var language: PluginKit.Language

        func run() throws {
            let name = try PluginName(self.name)
            let kit = try PluginKit(of: PluginSearch.executable)
            try kit.make(name, language, in: FileManager.default.currentDirectoryPath, version: AquatintVersion.text)
            let built = language == .swift ? ".build/release" : "build", library = language == .swift ? "lib\(name.library).so" : "\(name.library).so"
            var text = "made \(name.folder), with the stage \(name.id); next:\n"
            text += "  cd \(name.folder)\n  make\n  make test\n  aquatint stages \(name.id) --plugin-path \(built)\n  aquatint plugins check \(built)/\(library)\n"
            if name.id != name.folder {
                text += "'my' stands for you: names without a dot belong to libvips and to the stages that ship. Before you publish it, make it anew as acme.\(name.folder).\n"
            }
            Terminal.standardError(text)
        }
    }
}

extension PluginKit.Language: ExpressibleByArgument {}
