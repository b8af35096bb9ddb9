import AquatintPlugin

private let plugin = Plugin(name: "aquatint.network", version: "1.0.0", vendor: "Aquatint", stages: [NetworkFileStage.self])

/// The one symbol that the host looks for.
@c(aqt_plugin_entry_v1)
public func entry() -> UnsafeRawPointer { plugin.entry }
