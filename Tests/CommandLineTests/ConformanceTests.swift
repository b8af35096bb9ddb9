import Foundation
import Testing
import Vips

@Suite(.enabled(if: Program.has("cc"), "there is no C compiler"))
struct ConformanceTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    @Test(arguments: [
        ("CRASH_IN_CONSTRUCTOR", "error: crashed: SIGSEGV (a bad memory access) while it was loaded"),
        ("EXIT_IN_CONSTRUCTOR", "error: ended the process with status 0 while it was loaded"),
        ("PRINT_IN_CONSTRUCTOR", "error: wrote to standard output while it was loaded"),
        ("CRASH_IN_ENTRY", "error: crashed: SIGABRT (it gave itself up) while it was loaded"),
        ("NULL_ENTRY", "error: aqt_plugin_entry_v1() returned NULL"),
        ("WILD_POINTER", "error: crashed: SIGSEGV"),
        ("OTHER_MAJOR", "error: is built for version 2 of the plug-in interface, and this program has version 1"),
        ("DIFFERENT_EACH_TIME", "error: its descriptor says something else each time that it is loaded"),
        ("BAD_NAME", "error: \"Test Blur\" cannot be a stage's id"),
        ("SHORT_STRUCT", "error: test.blur: parameter 1: aqt_param.struct_size is 8, interface 1.0 has 88 bytes"),
        ("DUPLICATE_STAGE", "error: two stages have the id test.blur"),
        ("DUPLICATE_PARAMETER", "error: test.blur: two parameters or inputs are called amount"),
        ("DEFAULT_OUT_OF_RANGE", "error: test.blur: amount: the default is 99, outside 0 to 10"),
        ("NO_DOC", "error: test.blur: amount: doc is NULL"),
        ("NO_CREATE", "error: test.blur: create must not be NULL"),
        ("CRASH_IN_CREATE", "error: test.blur: crashed: SIGSEGV (a bad memory access) in create() with its defaults of test.blur"),
        ("EXIT_IN_CREATE", "error: test.blur: ended the process with status 7 in create()"),
        ("PRINT_IN_CREATE", "error: test.blur: writes to standard output: "),
        ("REFUSES_ITS_DEFAULT", "error: test.blur: amount: must be odd\n"),
        ("REFUSES_ITS_MAXIMUM", "error: test.blur: with amount = 10, which the descriptor allows: must be below 10\n"),
        ("SILENT_ERROR", "error: test.blur: create() failed and gave no message (internal)\n    Fill err->message"),
        ("CHANGES_FOLDER", "error: test.blur: changes the working directory, to /"),
        ("CRASH_IN_PLAN", "error: test.blur: crashed: SIGFPE (a division by zero) in plan() for 33 x 21, 3 bands of float32"),
        ("WRONG_SIZE", "error: test.blur: plan() answered nonsense: the output is 34 x 21, but the scale of input 1 makes it 33 x 21"),
        ("WILD_ALIGNMENT", "error: test.blur: plan() answered nonsense: the alignment is 2000000000 x 2000000000"),
        ("IGNORES_SIGNALS", "error: test.blur: handles the signal SIGSEGV (a bad memory access), or ignores it"),
        ("CRASH_IN_PROCESS", "error: test.blur: crashed: SIGSEGV (a bad memory access) in process() for the tile 33 x 21 at (0, 0)"),
        ("CRASH_ON_LARGE_TILE", "error: test.blur: crashed: SIGSEGV (a bad memory access) in process() for the tile 64 x 1 at (0, 0)"),
        ("FAILS_IN_PROCESS", "error: test.blur: disk on fire\n"),
        ("PRINT_IN_PROCESS", "error: test.blur: writes to standard output: "),
        ("NOT_A_NUMBER", "error: test.blur: process() gives nan at (3, 0) band 0"),
        ("SKIPS_LAST_COLUMN", "error: test.blur: process() leaves 63 of 2079 samples unwritten, the first at (32, 0) band 0"),
        ("WRITES_OUTSIDE", "error: test.blur: process() writes outside its output tile: 4 bytes changed, the first 1 pixel right of row 0"),
        ("WRITES_ITS_INPUT", "error: test.blur: process() writes to its input 'in': 4 bytes changed, the first at column 1 of row 1"),
        ("IGNORES_STRIDE", "error: test.blur: process() writes outside its output tile: "),
        ("NO_HALO", "error: test.blur: process() reads outside its input tile"),
        ("DEPENDS_ON_TILE", "error: test.blur: the result depends on how the picture is cut: "),
        ("KEEPS_STATE", "at (0, 0) band 0 for the same tile 33 x 21 at (0, 0)"),
        ("RANDOM", "for the same tile 33 x 21 at (0, 0)"),
        ("NOT_THREAD_SAFE", "error: test.blur: process() on eight threads at once gives "),
        ("LEAK", " bytes each time that an instance is made, used and destroyed"),
        ("KILLS_PARENT_IN_CONSTRUCTOR", "error: ended the process that had started it, by SIGKILL while it was loaded"),
        ("ESCAPES_IN_NAME", "error: aqt_plugin.name holds control characters: \"te\u{FFFD}[31mst\"\n"),
        ("LONG_DOC", "error: test.blur: amount: doc is too long: it has 30000 bytes, at most 16384 are taken"),
        ("HUGE_HALO", "error: test.blur: plan() answered nonsense: the halo is 2147483647, 2147483647, 1, 1, more than 65536 pixels: what sees the whole picture sets AQT_PLAN_WHOLE_IMAGE"),
        ("PLAN_VARIES", "error: test.blur: plan() answers the reach of input 1 2, 1, 1, 1, scale 1/1 x 1/1 in another instance for a picture of 33 x 21, and the reach of input 1 1, 1"),
        ("KEEPS_FIRST_PICTURE", "error: test.blur: a picture has another result after others than in a process that has seen no other: sample 0 is "),
        ("KEEPS_LAST_PICTURE", "error: test.blur: the same picture has another result after another picture: sample 0 is "),
        ("CHANGES_ENVIRONMENT", "error: test.blur: changes the environment: OMP_NUM_THREADS\n"),
        ("CHANGES_LIMIT", "error: test.blur: changes a limit of the process: RLIMIT_NOFILE\n"),
        ("SETS_ALARM", "error: test.blur: leaves an alarm running"),
        ("CHANGES_UMASK", "error: test.blur: changes the umask, from "),
        ("CHANGES_LOCALE", "error: test.blur: changes the locale\n"),
        ("BLOCKS_SIGNALS", "error: test.blur: leaves signals blocked in the thread\n"),
        ("CLOSES_OUTPUT", "error: test.blur: closes the file descriptor 1, which is not its own (standard output)\n"),
        ("CLOSES_ALL", "error: test.blur: closed file descriptors that are not its own, or ended the process in create() with its defaults"),
        ("FORKS", "error: test.blur: starts processes that are still there, or were not waited for\n    No fork(), in any call: a copy holds all files of the host. Threads do, or a library.\nnot conformant: 1 error"),
        ("WRITES_TO_OTHERS", "error: test.blur: writes to, reads from or changes a file or socket that is not its own\n"),
        ("READS_OTHERS", "error: test.blur: writes to, reads from or changes a file or socket that is not its own\n"),
        ("HANGS_UP_OTHERS", "error: test.blur: writes to, reads from or changes a file or socket that is not its own\n"),
        ("CHANGES_IMAGE", "error: test.blur: process() changes the plan, or what it is told of an image\n"),
        ("IS_NICE", "error: test.blur: changes the priority of the process, from "),
        ("KILLS_PARENT", "error: test.blur: ended the process that had started it, by SIGKILL in "),
        ("STAGE_ID=\"blur\"", "error: blur: the id has no dot\n    Ids are vendor.name, such as acme.blur"),
        ("CRASH_IN_PLAN_FREE", "error: test.blur: crashed: SIGABRT (it gave itself up) in plan_free() and destroy()"),
        ("CRASH_IN_DESTROY", "error: test.blur: crashed: SIGABRT (it gave itself up) in plan_free() and destroy()"),
    ])
    func `a broken promise is found, with where it showed`(_ fault: String, _ message: String) throws {
        let outcome = try place.aquatint("plugins", "check", place.buildPlugin("bad", [fault]))
        #expect(outcome.status == 1 && outcome.output.contains(message) && outcome.output.contains("\nnot conformant: "), "\(fault): \(outcome)")
        #expect(outcome.error.isEmpty)
    }

    @Test(arguments: [("HANG_IN_CREATE", "create() with its defaults"), ("HANG_IN_PROCESS", "process() for the tile 33 x 21 at (0, 0)")])
    func `a call that does not return is ended, and named`(_ fault: String, _ call: String) throws {
        let outcome = try place.aquatint("plugins", "check", place.buildPlugin("bad", [fault]))
        #expect(outcome.status == 1 && outcome.output.contains("error: test.blur: did not return within 10 s in \(call)"), "\(outcome)")
    }

    @Test(arguments: [("LEAVES_FILE", "warning: test.blur: leaves 1 file open after its last instance is destroyed, the first /etc/passwd"), ("LEAVES_THREAD", "warning: test.blur: leaves 1 thread running")])
    func `what stays behind once is a warning`(_ fault: String, _ message: String) throws {
        let outcome = try place.aquatint("plugins", "check", place.buildPlugin("bad", [fault]))
        #expect(outcome.status == 0 && outcome.output.contains(message), "\(outcome)")
    }

    @Test(.enabled(if: Program.has("c++"), "there is no C++ compiler")) func `an exception that leaves a call is named`() throws {
        try place.buildCpp("throws", ["-w"])
        let outcome = try place.aquatint("plugins", "check", "plugins/throws.so")
        #expect(outcome.status == 1 && outcome.output.contains(": terminate called after throwing an instance of 'std::runtime_error', what():  boom\n    No C++ exception leaves a call: "), "\(outcome)")
    }

    @Test(.enabled(if: Program.has("c++"), "there is no C++ compiler")) func `a stage in C++ has bytes and planes where it asks for them`() throws {
        try place.buildCpp("invert", ["-Wall", "-Wextra", "-pedantic", "-Werror"])
        let outcome = try place.aquatint("plugins", "check", "plugins/invert.so")
        #expect(outcome.status == 0 && outcome.output.contains("conformant: 0 errors, 0 warnings"), "\(outcome)")
        try place.write("p.yaml", "version: 1\nstages: [test.invert]\noutput: \"{stem}.png\"\n")
        try FileManager.default.createDirectory(atPath: place("in"), withIntermediateDirectories: true)
        for (name, format) in [("bytes", "uchar"), ("words", "ushort")] {
            let picture = try Operation.image("cast", ["in": .image(try Picture.make(70, 50)), "format": .string(format)])
            try Operation.image("copy", ["in": .image(picture), "interpretation": .string(format == "uchar" ? "srgb" : "rgb16")]).save(place("in/\(name).png"))
        }
        let ran = try place.aquatint("run", "p.yaml", "in", "-o", "out", "--plugin-path", place("plugins"))
        #expect(ran.status == 0, "\(ran.error)")
        for name in ["bytes", "words"] {
            let before = try place.load("in/\(name).png").bytes(), after = try place.load("out/\(name).png").bytes()
            #expect(before.count == after.count && zip(before, after).allSatisfy { $0 == ~$1 }, "\(name)")
        }
    }

    @Test func `what a plug-in says of itself moves no terminal`() throws {
        try place.buildPlugin("bad", ["ESCAPES_IN_DOC"])
        let outcome = try place.aquatint("stages", "test.blur", "--plugin-path", place("plugins"))
        #expect(outcome.status == 0 && outcome.output.contains("How\u{FFFD}[2J \u{FFFD}much.") && !outcome.output.contains("\u{1B}"), "\(outcome)")
    }

    @Test func `a picture that is refused for its size is a warning`() throws {
        let outcome = try place.aquatint("plugins", "check", place.buildPlugin("small", ["REFUSES_ONE_PIXEL"]))
        #expect(outcome.status == 0 && outcome.output.contains("warning: test.blur: refuses a picture of 1 x 1, 3 bands of float32: the picture is too small"), "\(outcome)")
    }

    @Test(arguments: ["", "LARGE_STRUCT"])
    func `a sound plug-in is conformant, and JSON says the same`(_ variant: String) throws {
        let library = try place.buildPlugin("good", variant.isEmpty ? [] : [variant])
        let outcome = try place.aquatint("plugins", "check", library, "--json")
        let report = try #require(JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
        #expect(outcome.status == 0 && report["conformant"] as? Bool == true && report["version"] as? String == "1.2.0" && report["v"] as? Int == 1, "\(outcome)")
        let errors = (report["findings"] as? [[String: Any]])?.filter { $0["severity"] as? String == "error" }
        #expect(errors?.isEmpty == true)
    }

    @Test func `what is no plug-in is 65, and what is not there 66`() throws {
        try place.write("text.so", "text")
        #expect(try place.aquatint("plugins", "check", "text.so").status == 65)
        #expect(try place.aquatint("plugins", "check", place.buildPlugin("other", ["WRONG_SYMBOL"])).status == 65)
        #expect(try place.aquatint("plugins", "check", "missing.so").status == 66)
        #expect(try place.aquatint("plugins", "check", "home").status == 65)
    }
}

/// Stages whose network is an ONNX file (`Fixtures/network.c`), which the inference engine runs.
@Suite(.enabled(if: Program.has("cc") && Program.hasEngine, "needs a C compiler and the inference engine"))
struct NetworkConformanceTests {
    private func check(_ fault: String) throws -> Outcome {
        let place = try Workplace()
        let built = try place.run("/usr/bin/env", ["cc", "-shared", "-fPIC", "-O1", "-fvisibility=hidden", "-I", "\(Program.root)/Sources/CAquatintPlugin/include", "-D\(fault)",
                                                   "-o", place("network.so"), "\(Program.root)/Tests/CommandLineTests/Fixtures/network.c"])
        try #require(built.status == 0, "\(built.error)")
        return try place.aquatint("plugins", "check", "network.so", "--set", "model=\(Program.root)/Pipelines/weights/upscale2x-small.onnx")
    }

    @Test func `a network whose tiles are the whole is conformant`() throws {
        let outcome = try check("HONEST")
        #expect(outcome.status == 0 && outcome.output.contains("conformant: 0 errors, 0 warnings"), "\(outcome)")
    }

    @Test(arguments: [("NO_HALO", "in one piece\n    Declare the whole halo of the graph"), ("WRONG_SCALE", "error: test.network: its network on a picture of "), ("NO_MODEL", "error: test.network: ")])
    func `a plan that the network does not keep is found`(_ fault: String, _ message: String) throws {
        let outcome = try check(fault)
        #expect(outcome.status == 1 && outcome.output.contains(message), "\(outcome)")
    }
}

@Suite struct ShippedConformanceTests {
    @Test(.enabled(if: Program.hasEngine, "the inference engine is not installed"), arguments: ["separable_conv", "attention", "adaptive_attention", "generator"])
    func `shipped networks are conformant with weights`(_ name: String) throws {
        let weights = "\(Program.root)/Pipelines/weights/chain-\(name).safetensors"
        let outcome = try Workplace().aquatint("plugins", "check", "\(Program.directory)/libaqt_\(name).so", "--set", "weights=\(weights)")
        #expect(outcome.status == 0 && outcome.output.contains("conformant: 0 errors, 0 warnings"), "\(outcome)")
    }

    @Test(arguments: ["separable_conv", "attention", "adaptive_attention", "generator", "onnx", "kuwahara", "halftone", "guided", "xdog", "dither"])
    func `every shipped plug-in is conformant`(_ name: String) throws {
        let outcome = try Workplace().aquatint("plugins", "check", "\(Program.directory)/libaqt_\(name).so")
        #expect(outcome.status == 0 && outcome.output.contains("conformant: 0 errors"), "\(outcome)")
    }
}
