internal import Glibc
internal import Synchronization

/// Resident memory of processes, from `/proc`.
enum ProcessMemory {
    /// Bytes that a process holds now; nil where it is gone.
    static func resident(of process: pid_t) -> Int? {
        // Size, resident, ... in pages.
        guard let text = ProcFile.read("/proc/\(process)/statm") else { return nil }
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else { return nil }
        return pages * Int(getpagesize())
    }

    /// Whether a process has ended, and nobody has asked how yet: what it held is free.
    static func isZombie(_ process: pid_t) -> Bool {
        guard let text = ProcFile.read("/proc/\(process)/stat"), let end = text.lastIndex(of: ")") else { return false }
        return text[end...].dropFirst(2).first == "Z"
    }

    /// Seconds of processor time that a process has used; nil where it is gone.
    static func processorTime(of process: pid_t) -> Double? {
        // The name in parentheses may hold anything.
        guard let text = ProcFile.read("/proc/\(process)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[end...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else { return nil }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}

/// What the machine has yet to write to its disks.
enum DiskBacklog {
    /// Bytes, of all files; 0 where the system does not say.
    static var bytes: Int {
        guard let text = ProcFile.read("/proc/meminfo") else { return 0 }
        return text.split(separator: "\n").filter { $0.hasPrefix("Dirty:") || $0.hasPrefix("Writeback:") }.reduce(0) { sum, line in
            let fields = line.split(separator: " ")
            return sum &+ (fields.count > 1 ? Int(fields[1]) ?? 0 : 0) &* 1024
        }
    }
}

/// The most that this process held between two moments.
struct PeakMemory {
    private init() {}

    private static let lastReset = Mutex<ContinuousClock.Instant?>(nil)
    /// Images that take less than this are measured together.
    private static let shortest = Duration.milliseconds(20)

    /// Forgets the peak so far. Where several images are in flight, each sees the peak of all, and of those small ones that were made just before.
    static func begin() -> PeakMemory {
        let isDue = lastReset.withLock { last in
            let now = ContinuousClock.now
            if let last, now - last < shortest { return false }
            last = now
            return true
        }
        guard isDue else { return PeakMemory() }
        let file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
        if file >= 0 {
            _ = write(file, "5", 1)
            close(file)
        }
        return PeakMemory()
    }

    /// Bytes; nil where the system does not tell.
    func end() -> Int? {
        var usage = rusage()
        // Kilobytes, and of this process' present memory only: what `clear_refs` has reset.
        return getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 ? Int(usage.ru_maxrss) * 1024 : nil
    }
}

/// Small files that the kernel makes up.
private enum ProcFile {
    static func read(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        return withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            let count = Glibc.read(file, buffer.baseAddress, buffer.count)
            return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
        }
    }
}
