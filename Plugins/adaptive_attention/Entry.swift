import AquatintPlugin

private let plugin = Plugin(name: "aquatint.adaptive_attention", version: "1.0.0", vendor: "Aquatint", stages: [AdaptiveAttention.self])

/// The one symbol that the host looks for.
@c(aqt_plugin_entry_v1)
public func entry() -> UnsafeRawPointer { plugin.entry }
