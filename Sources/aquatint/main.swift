print("aquatint")
