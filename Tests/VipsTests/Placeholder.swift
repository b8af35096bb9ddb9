import Testing
@testable import Vips
