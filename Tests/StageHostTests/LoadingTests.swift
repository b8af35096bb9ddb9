import CAquatintPlugin
import Foundation
import Synchronization
import Testing

@testable import StageHost

@Suite(.enabled(if: FixturePlugins.canBuild, "no C compiler to build the fixtures with"))
struct LoadingTests {
    let fixtures: FixturePlugins

    init() throws { fixtures = try FixturePlugins() }

    func refusal(_ path: String) -> String? {
        do {
            _ = try PluginLibrary.open(path, host: BuiltPlugins.host)
            return nil
        } catch let refusal {
            return refusal.reasons.joined(separator: "\n")
        }
    }

    @Test func `files that are no plug-ins are refused with the reason`() throws {
        #expect(refusal(try fixtures.write("text.so", Array("hello\n".utf8))) == "is no shared library: it does not start as an ELF file")
        #expect(refusal(try fixtures.write("empty.so", [])) == "is no shared library: it does not start as an ELF file")
        let half = [UInt8](try Data(contentsOf: URL(filePath: try fixtures.build("good"))).prefix(200))
        #expect(try #require(refusal(try fixtures.write("half.so", half))).hasPrefix("cannot be loaded: "))
        #expect(refusal("\(fixtures.folder)/missing.so") == "cannot be read: No such file or directory")
        #expect(refusal(fixtures.folder) == "is no regular file")
        #expect(refusal("/bin/sh") != nil)
    }

    @Test func `a library without the entry is refused`() throws {
        #expect(refusal(try fixtures.build("none", ["NO_ENTRY"])) == "is no plug-in: it does not export aqt_plugin_entry_v1")
    }

    @Test func `a plug-in for another interface is refused with both versions`() throws {
        #expect(refusal(try fixtures.build("newer", ["OTHER_MAJOR"])) == """
            is built for version 2 of the plug-in interface, and this program has version 1: get the plug-in for version 1, or a newer \
            program
            """)
    }

    @Test func `an entry that returns NULL is refused`() throws {
        #expect(refusal(try fixtures.build("null", ["NULL_ENTRY"]))
            == "aqt_plugin_entry_v1() returned NULL: the library is a broken build")
    }

    @Test func `errors of create, plan and process name the stage, and the parameter where there is one`() throws {
        let stage = try PluginLibrary.open(try fixtures.build("errors"), host: BuiltPlugins.host).stages[0]
        let picture = Picture.scene(width: 4, height: 3, bands: 1)
        func error(_ fails: String) throws -> StageError? {
            #expect(throws: StageError.self) { try stage.create(["fails": .choice(fails)]).run(picture) }
        }
        #expect(try error("create") == StageError(code: .parameter, stage: "test.copy", plugin: "test", parameter: "fails",
                                                  message: "was told to fail"))
        #expect(try error("plan")?.description == "test.copy: cannot do this size")
        #expect(try error("process")?.code == .io)
        #expect(try error("unknown_code")?.message == "plan() returned -99, which is no result code")
        #expect(try error("silent")?.message == "plan() failed and gave no message (memory)")
        #expect(try error("no_output")?.message == "plan() answered nonsense: output is NULL")
        #expect(try error("wrong_size")?.message
            == "plan() answered nonsense: the output is 5 x 3, but the scale of input 1 makes it 4 x 3")
        #expect(try error("negative_halo")?.message == "plan() answered nonsense: the halo is -1, 0, 0, 0")
        let counters = stage.counters
        #expect(counters.instances == 0 && counters.plans == 0, "everything that was made is freed, also after errors")
        #expect(counters.inits == 1)
    }

    @Test func `values are checked before the plug-in sees them`() throws {
        let stage = try PluginLibrary.open(try fixtures.build("values"), host: BuiltPlugins.host).stages[0]
        func error(_ values: [String: StageValue]) throws -> String? {
            try #require(throws: StageError.self) { _ = try stage.create(values) }.description
        }
        #expect(try error(["fials": .choice("plan")]) == "test.copy: fials: is no parameter of this stage")
        #expect(try error(["fails": .int(1)]) == "test.copy: fails: is a int, a choice is wanted")
        #expect(try error(["fails": .choice("tea")])?.hasPrefix("test.copy: fails: is tea, none of nothing, create") == true)
    }

    @Test func `a plug-in whose init fails gives the same error each time, and no stage`() throws {
        let stage = try PluginLibrary.open(try fixtures.build("init", ["INIT_FAILS"]), host: BuiltPlugins.host).stages[0]
        for _ in 1...2 {
            let error = try #require(throws: StageError.self) { _ = try stage.create() }
            #expect(error.description == "test: this machine is too old" && error.code == .unsupported)
        }
        #expect(stage.counters.inits == 1)
    }

    @Test func `messages of a plug-in reach the host's log`() throws {
        let stage = try PluginLibrary.open(try fixtures.build("log"), host: BuiltPlugins.host).stages[0]
        _ = try stage.create(["title": .string("hello \u{1B}[31m from the plug-in")])
        #expect(BuiltPlugins.log.withLock { $0.contains("hello \u{FFFD}[31m from the plug-in") })
    }

    @Test func `a stage that polls learns that the image was given up`() throws {
        let stage = try PluginLibrary.open(try fixtures.build("cancel"), host: BuiltPlugins.host).stages[0]
        let plan = try stage.create(["fails": .choice("cancel")]).plan([PluginImage(width: 1, height: 1, bands: 1)])
        var pixel: Float = 1
        let error = withUnsafeMutableBytes(of: &pixel) { bytes in
            let pixels = PluginPlan.Pixels(rect: .init(x: 0, y: 0, width: 1, height: 1), base: bytes.baseAddress!, row: 4, column: 4, band: 4)
            return #expect(throws: StageError.self) { try plan.process([pixels], into: pixels) { true } }
        }
        #expect(error?.code == .cancelled)
    }

    @Test(arguments: [("AQT_THREADS_LIBRARY", 1), ("AQT_THREADS_INSTANCE", 2)])
    func `no more calls run at once than the stage allows`(_ model: String, _ limit: Int) async throws {
        let stage = try PluginLibrary.open(try fixtures.build("threads", ["THREADS=\(model)"]), host: BuiltPlugins.host).stages[0]
        let instances = try (0..<2).map { _ in try stage.create() }
        let picture = Picture.scene(width: 512, height: 512, bands: 3)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<8 {
                group.addTask {
                    let copy = try instances[index % 2].run(picture, tile: (64, 64))
                    #expect(copy == picture)
                }
            }
            try await group.waitForAll()
        }
        #expect(stage.counters.most <= limit)
    }

    @Test func `an image with more bands than the stage takes is refused`() throws {
        let stage = try PluginLibrary.open(try fixtures.build("bands"), host: BuiltPlugins.host).stages[0]
        let error = #expect(throws: StageError.self) { try stage.create().plan([PluginImage(width: 1, height: 1, bands: 4)]) }
        #expect(error?.description == "test.copy: takes 1 to 3 colour bands; in has 4")
    }
}

extension PluginStage {
    /// What the fixture counts.
    var counters: (running: Int32, most: Int32, instances: Int32, plans: Int32, inits: Int32) {
        guard let functions = try? functions() else { return (-1, -1, -1, -1, -1) }
        let counters = functions.stage.extension("test.counters/1")!.assumingMemoryBound(to: Int32.self)
        return (counters[0], counters[1], counters[2], counters[3], counters[4])
    }
}
