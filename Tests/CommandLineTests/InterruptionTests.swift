import Foundation
import Testing
import Vips

@Suite struct InterruptionTests {
    let place: Workplace
    static let count = 12
    let arguments = ["run", "line.yaml", "in", "-o", "out", "-j", "2"]

    init() throws {
        place = try Workplace()
        try place.pictures(Self.count, in: "in")
        try place.write("line.yaml", "version: 1\nstages: [kuwahara: {radius: 6}, gaussblur: 4]\n")
    }

    /// Every file under its final name is a whole picture.
    func checkWhole() throws {
        for file in place.files("out") where !file.hasPrefix(".") {
            let image = try Image.load(place("out/\(file)"), options: ["fail_on": "warning"])
            #expect(try image.width == 320 && image.height == 240 && image.bytes().count == 320 * 240 * 3)
        }
    }

    func finish() throws {
        let outcome = try place.run(Program.path, arguments)
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(place.files("out") == (1...Self.count).map { "\($0).png" }.sorted(), "all are there, and nothing else")
        try checkWhole()
    }

    @Test(arguments: [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
    func `one signal finishes the images in flight, and the next run the rest`(_ number: Int32, _ status: Int32) throws {
        let outcome = try place.aquatint(arguments, signal: number, after: " -> ")
        #expect(outcome.status == status, "\(outcome.error)")
        #expect(outcome.error.contains("finishing the images in flight"))
        let done = place.files("out")
        #expect(!done.isEmpty && done.count < Self.count && !done.contains { $0.hasPrefix(".") }, "\(done)")
        #expect(outcome.error.contains("\(done.count) done in"), "what was in flight is done")
        try checkWhole()
        try finish()
    }

    @Test func `a killed run leaves no half picture, and the next one clears up and completes`() throws {
        let outcome = try place.aquatint(arguments, signal: SIGKILL, after: " -> ")
        #expect(outcome.status == -SIGKILL)
        #expect(place.files("out").filter { !$0.hasPrefix(".") }.count < Self.count)
        try checkWhole()
        // A leftover is there whether or not this kill happened to leave one: it belongs to a process that is gone.
        let gone = Process()
        gone.executableURL = URL(filePath: "/bin/true")
        try gone.run()
        gone.waitUntilExit()
        try place.write("out/.aquatint-\(gone.processIdentifier)-1.png", "half a picture")
        try place.write("home/aquatint-\(gone.processIdentifier)-1.v", "pixels between two stages")
        try finish()
        #expect(!FileManager.default.fileExists(atPath: place("home/aquatint-\(gone.processIdentifier)-1.v")))
    }

    @Test func `the end of the terminal ends a run as TERM does, and not one that nohup has started`() throws {
        let ended = try place.aquatint(arguments, signal: SIGHUP, after: " -> ")
        #expect(ended.status == 143 && place.files("out").count < Self.count, "\(ended.error)")
        let script = "trap '' HUP; \"$0\" \"$@\" & until ls later/*.png 2> /dev/null || ! kill -0 $!; do sleep 0.01; done > /dev/null; kill -HUP $!; wait $!"
        let outlived = try place.run("/bin/sh", ["-c", script, Program.path, "run", "line.yaml", "in", "-o", "later", "-j", "2"])
        #expect(outlived.status == 0, "\(outlived.error)")
        #expect(place.files("later").count == Self.count)
    }
}
