import Testing
@testable import Vips
@Test func `libvips starts`() throws { try VipsLibrary.start(); #expect(VipsLibrary.version.major == 8); print(Operation.all.count) }
