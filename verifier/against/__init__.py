"""The rows of the vocabulary against the text of a kernel tree: do they mean the same?"""
