import Testing
@testable import AquatintPlugin
