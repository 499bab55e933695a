"""What each correcting tool does, as functions of what a person sees; none of them changes a document."""
