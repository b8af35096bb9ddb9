import PipelineLanguage
import StageHost
import Testing

@Suite struct HostileTests {
    @Test func `no stage reads or writes a file by itself, or runs a program`() throws {
        let search = PluginSearch(option: ["/nonexistent"], environment: [:], executable: "/nonexistent/aquatint")
        let catalogue = try StageLibrary(search: search, host: BuiltPlugins.host).catalogue
        #expect(catalogue.all.count > 150)
        for name in ["system", "matrixprint", "rawsave_fd", "jpegsave_mime", "webpsave_mime", "profile_load", "thumbnail", "pngload_buffer"] {
            #expect(catalogue[name] == nil, "\(name) can be reached")
        }
        for stage in catalogue.all {
            for parameter in stage.parameters where ["fd", "filename", "cmd_format", "buffer", "source", "target"].contains(parameter.name) {
                Issue.record("\(stage.name) takes '\(parameter.name)'")
            }
        }
    }
}
