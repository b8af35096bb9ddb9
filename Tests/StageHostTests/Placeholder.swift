import Testing
@testable import StageHost
