internal import CAquatintPlugin

/// The program that runs the stage.
public struct Host: Sendable {
    /// How important a message is.
    public enum Level: Int32, Sendable {
        case debug = 0
        case info = 1
        case warning = 2
    }

    /// An address of the host's that lives until the process exits, or 0.
    private let address: UInt

    init(_ host: UnsafePointer<aqt_host>?) { address = UInt(bitPattern: host) }

    /// No host: messages go nowhere.
    static var none: Host { Host(nil) }

    /// The host's name, such as `aquatint`; empty where there is none.
    public var name: String { read { $0.name } }
    /// The host's version; empty where there is none.
    public var version: String { read { $0.version } }

    /// Hands a message for people to the host, which decides where it goes. Any thread.
    public func log(_ level: Level, _ message: String) {
        guard let host = UnsafePointer<aqt_host>(bitPattern: address) else { return }
        boundedCopy(of: host).log?(host, level.rawValue, message)
    }

    private func read(_ field: (aqt_host) -> UnsafePointer<CChar>?) -> String {
        guard let host = UnsafePointer<aqt_host>(bitPattern: address) else { return "" }
        return field(boundedCopy(of: host)).map { String(cString: $0) } ?? ""
    }
}

/// One image being worked on. Valid only during the call that received it.
public struct Job {
    /// What ``PixelStage/plan(_:)`` answered for this image.
    public let plan: PixelPlan
    let job: UnsafePointer<aqt_job>?

    /// A job that nobody cancels, as a stage's tests need it.
    public init(plan: PixelPlan) { self.init(plan: plan, job: nil) }

    init(plan: PixelPlan, job: UnsafePointer<aqt_job>?) {
        self.plan = plan
        self.job = job
    }

    /// Whether the image was given up (Ctrl-C, a time limit). Ask at least every 50 ms.
    public var isCancelled: Bool {
        guard let job, let cancelled = boundedCopy(of: job).cancelled else { return false }
        return cancelled(job) != 0
    }

    /// Throws ``StageError/cancelled`` once the image was given up. Call it at least every 50 ms, for instance once a row.
    public func checkCancelled() throws(StageError) {
        if isCancelled { throw .cancelled }
    }
}
