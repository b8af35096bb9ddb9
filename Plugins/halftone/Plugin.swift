import AquatintPlugin

private let plugin = Plugin(name: "aquatint.halftone", version: "1.0.0", vendor: "Aquatint", stages: [Halftone.self])

@c(aqt_plugin_entry_v1)
public func entry() -> UnsafeRawPointer { plugin.entry }
