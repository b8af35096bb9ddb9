import AquatintPlugin

private let plugin = Plugin(name: "aquatint.guided", version: "1.0.0", vendor: "Aquatint", stages: [GuidedFilter.self])

@c(aqt_plugin_entry_v1)
public func entry() -> UnsafeRawPointer { plugin.entry }
