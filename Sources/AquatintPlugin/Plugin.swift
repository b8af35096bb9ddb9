internal import CAquatintPlugin

/// A plug-in: its name and its stages, ready to be handed to the host.
///
/// One file of the library holds it and exports the entry:
///
/// ```swift
/// import AquatintPlugin
///
/// private let plugin = Plugin(name: "acme.grain", version: "1.2.0", vendor: "Acme", url: "https://acme.example",
///                             stages: [Grain.self])
///
/// @c(aqt_plugin_entry_v1)
/// public func entry() -> UnsafeRawPointer { plugin.entry }
/// ```
///
/// Swift initialises such a global once, on first use, however many threads ask. The tables that it makes live until the process
/// exits. Making them has no effect on anything else, so a host may scan a folder of plug-ins without running any of their stages.
public final class Plugin: Sendable {
    /// The address of the tables, an `aqt_plugin`, for the exported function to return.
    public var entry: UnsafeRawPointer { UnsafeRawPointer(tables) }

    // Immutable after `init`, and never freed.
    private nonisolated(unsafe) let tables: UnsafePointer<aqt_plugin>

    public init(name: String, version: String, vendor: String, url: String? = nil, stages: [any Stage.Type]) {
        tables = exportTables(name: name, version: version, vendor: vendor, url: url, stages: stages)
    }
}
