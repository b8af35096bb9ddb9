import Foundation
import Testing
@testable import Inference

/// Verdicts on disk: what is kept comes back, and nothing else does.
@Suite struct VerdictStoreTests {
    private let place = Place()
    private var store: VerdictStore { VerdictStore(folder: place.path + "/a/b") }
    private let key = VerdictStore.key(["network", "processor"])
    private let proven = PrecisionVerdict(findings: [PrecisionFinding(.f16, .inexact, psnr: 51.5, largest: 7.25, probes: 2, speedup: 1, probe: "strong noise"),
                                                     PrecisionFinding(.bf16, .proven, psnr: .infinity, largest: 0.5, probes: 18, speedup: 1.875)])
    private let refuted = PrecisionVerdict(findings: [PrecisionFinding(.bf16, .notFinite, probes: 3, probe: "a white field")])

    /// A folder that goes away with its owner.
    private final class Place: Sendable {
        let path = FileManager.default.temporaryDirectory.appending(path: "aquatint-verdicts-\(UUID().uuidString)").path
        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    @Test func `a verdict comes back, in a folder that is made for it`() throws {
        #expect(store.verdict(for: key) == nil)
        store.keep(proven, for: key)
        #expect(store.verdict(for: key) == proven)
        #expect(VerdictStore(folder: place.path + "/a/b/").verdict(for: key)?.precision == .bf16)
        #expect(try FileManager.default.contentsOfDirectory(atPath: store.folder) == [key])
    }

    @Test func `keys tell their parts apart`() {
        #expect(VerdictStore.key(["ab", "c"]) != VerdictStore.key(["a", "bc"]))
        #expect(VerdictStore.key(["a"]) != VerdictStore.key(["a", ""]))
    }

    @Test func `f32 stays, whatever comes after it`() {
        store.keep(proven, for: key)
        store.keep(refuted, for: key)
        store.keep(proven, for: key)
        #expect(store.verdict(for: key) == refuted)
    }

    @Test func `what a loaded machine or a failure may have decided is not kept`() {
        for passing in [.notFaster, .failed] as [PrecisionFinding.Outcome] {
            store.keep(PrecisionVerdict(findings: [PrecisionFinding(.f16, .inexact), PrecisionFinding(.bf16, passing)]), for: key)
            #expect(store.verdict(for: key) == nil)
        }
        let chosen = PrecisionVerdict(findings: [PrecisionFinding(.f16, .failed), PrecisionFinding(.bf16, .proven, speedup: 2)])
        store.keep(chosen, for: key)
        #expect(store.verdict(for: key) == chosen)
    }

    @Test func `an entry with any byte changed, cut off or added is taken for absent`() {
        let text = VerdictStore.text(of: proven, key: key)
        #expect(VerdictStore.parse(text, key: key) == proven)
        for index in text.indices {
            var damaged = text
            damaged[index] ^= 1
            #expect(VerdictStore.parse(damaged, key: key) == nil)
            #expect(VerdictStore.parse(Array(text[..<index]), key: key) == nil)
        }
        #expect(VerdictStore.parse(text + [10], key: key) == nil)
        #expect(VerdictStore.parse(text, key: VerdictStore.key(["another"])) == nil)
    }

    @Test func `well-formed entries with hostile contents are taken for absent`() {
        func parsed(_ findings: [PrecisionFinding]) -> PrecisionVerdict? {
            VerdictStore.parse(VerdictStore.text(of: PrecisionVerdict(findings: findings), key: key), key: key)
        }
        #expect(parsed([PrecisionFinding(.bf16, .proven, probe: "\u{1B}[2J")]) == nil)
        #expect(parsed([PrecisionFinding(.bf16, .proven, probe: String(repeating: "a", count: 101))]) == nil)
        #expect(parsed([PrecisionFinding(.bf16, .proven, psnr: .nan)]) == nil)
        #expect(parsed([PrecisionFinding(.bf16, .proven, probes: -1)]) == nil)
        #expect(parsed([PrecisionFinding(.bf16, .proven, speedup: .infinity)]) == nil)
        #expect(parsed([PrecisionFinding(.f32, .proven)]) == nil)
        #expect(parsed([]) == nil)
        #expect(parsed(proven.findings + proven.findings) == nil)
    }

    @Test func `folders, pipes, large files and places that cannot be written are harmless`() throws {
        try FileManager.default.createDirectory(atPath: store.folder + "/" + key, withIntermediateDirectories: true)
        store.keep(proven, for: key)
        #expect(store.verdict(for: key) == nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: store.folder) == [key])
        let other = VerdictStore.key(["pipe"])
        #expect(mkfifo(store.folder + "/" + other, 0o600) == 0)
        #expect(store.verdict(for: other) == nil)
        store.keep(proven, for: other)
        #expect(store.verdict(for: other) == proven)
        try Data(repeating: 65, count: 1 << 20).write(to: URL(filePath: store.folder + "/" + other))
        #expect(store.verdict(for: other) == nil)
        let nowhere = VerdictStore(folder: "/proc/none/aquatint")
        nowhere.keep(proven, for: key)
        #expect(nowhere.verdict(for: key) == nil)
    }

    @Test func `the processor is told from what the kernel lists for its first core`() {
        let two = "processor\t: 0\nmodel name\t: One\nflags\t\t: fpu avx512f\nbogomips\t: 5\n\nprocessor\t: 1\nmodel name\t: Two\n"
        #expect(ProcessorIdentity.describe(cpuinfo: two) == "model name=One\nflags=fpu avx512f")
        #expect(ProcessorIdentity.describe(cpuinfo: "") == "")
    }
}
