internal import FoundationEssentials

/// Which processor this is: what it computes in, and how fast, goes by that.
public enum ProcessorIdentity {
    /// The model's name and its instruction sets, as the kernel lists them for the first core; empty where it lists none.
    public static let text: String = describe(cpuinfo: (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? "")

    /// - Parameter cpuinfo: the text of `/proc/cpuinfo`.
    static func describe(cpuinfo: String) -> String {
        // x86 says "model name" and "flags", Arm "CPU part" and "Features".
        let wanted = ["vendor_id", "model name", "cpu family", "model", "stepping", "flags", "CPU implementer", "CPU part", "Features"]
        var found: [String] = []
        for line in cpuinfo.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.isEmpty { break }
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let name = parts[0].filter { $0 != "\t" }
            if wanted.contains(name) { found.append("\(name)=\(parts[1].drop { $0 == " " })") }
        }
        return found.joined(separator: "\n")
    }
}
